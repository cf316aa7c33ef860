{{ read_landing_table('nodes') }}
