{{ read_landing_table('message_events') }}
