{{ latest_rows('journeys', ['journey_id'], ['updated_at']) }}

select
    account_key,
    journey_id,
    journey_name,
    {{ map_vocabulary('journey_type', 'journey_type') }} as journey_type,
    category,
    {{ map_vocabulary('status', 'journey_status') }} as journey_status,
    reentry_policy,
    reentry_cooldown_seconds,
    created_at,
    launched_at,
    stopped_at,
    timezone,
    tags,
    updated_at,
    source_file
from final
