{{ read_landing_table('user_events') }}
