{{ event_history('message_events') }}
