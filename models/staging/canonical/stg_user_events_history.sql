{{ event_history('user_events') }}
