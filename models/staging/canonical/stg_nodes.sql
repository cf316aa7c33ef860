{{ latest_rows('nodes', ['journey_id', 'journey_version_id', 'node_id']) }}

select
    account_key,
    journey_id,
    coalesce(journey_version_id, 'unknown') as journey_version_id,
    node_id,
    node_name,
    {{ map_vocabulary('node_type', 'node_type') }} as node_type,
    {{ map_vocabulary('channel', 'channel') }} as channel,
    campaign_id,
    coalesce(is_terminal, false) as is_terminal,
    position,
    stable_node_key,
    received_at,
    source_file
from final
