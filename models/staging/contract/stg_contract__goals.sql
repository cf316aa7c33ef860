{{ read_landing_table('goals') }}
