{{ event_history('journey_events') }}
