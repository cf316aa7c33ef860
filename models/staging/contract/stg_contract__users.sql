{{ read_landing_table('users') }}
