{{ read_landing_table('costs') }}
