{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

select
    account_key,
    event_id,
    {{ map_vocabulary('event_type', 'message_event_type') }} as event_type,
    event_type as event_type_raw,
    -- Without a message id, one endpoint of one dispatch (else of one node visit) is one message.
    -- No row's time is part of the id, so that late rows do not change it.
    coalesce(
        message_id,
        'hash:' || md5(
            coalesce(dispatch_id, 'entry:' || coalesce(journey_entry_id, user_key) || ':' || coalesce(node_id, ''))
            || '|' || coalesce(journey_id, '') || '|' || coalesce(campaign_id, '')
            || '|' || coalesce(channel, '') || '|' || coalesce(endpoint_id, user_key)
        )
    ) as message_id,
    message_id is null as is_message_id_derived,
    dispatch_id,
    journey_id,
    journey_version_id,
    journey_entry_id,
    node_id,
    campaign_id,
    variant_id,
    user_key,
    user_id,
    user_id_type,
    {{ map_vocabulary('channel', 'channel') }} as channel,
    channel as channel_raw,
    endpoint_id,
    endpoint_type,
    {{ map_vocabulary('platform', 'platform') }} as platform,
    platform as platform_raw,
    os_version,
    app_id,
    device_model,
    occurred_at,
    reason_code,
    provider_code,
    provider_message,
    lower(bounce_type) as bounce_type,
    link_id,
    link_url,
    button_id,
    user_agent,
    ip,
    coalesce(is_bot, false) as is_bot,
    bot_reason,
    delivery_route,
    sms_segments,
    cost_amount,
    cost_currency,
    received_at,
    source_file
from {{ ref('stg_message_events_deduplicated').include(database=false) }}
where not is_test_row
