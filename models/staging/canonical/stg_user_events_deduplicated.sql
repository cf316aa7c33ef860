{{ deduplicate_events('user_events') }}
