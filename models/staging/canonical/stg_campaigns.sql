{{ latest_rows('campaigns', ['campaign_id']) }}

select
    account_key,
    campaign_id,
    campaign_name,
    {{ map_vocabulary('channel', 'channel') }} as channel,
    journey_id,
    node_id,
    subject_or_title,
    provider,
    created_at,
    tags,
    conversion_event_name,
    campaign_conversion_seconds,
    source_file
from final
