{{ deduplicate_events('message_events') }}
