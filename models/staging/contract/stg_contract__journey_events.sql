{{ read_landing_table('journey_events') }}
