{{ read_landing_table('devices') }}
