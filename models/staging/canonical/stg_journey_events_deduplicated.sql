{{ deduplicate_events('journey_events') }}
