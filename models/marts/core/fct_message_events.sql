{{ rebuilt_by('message') }}

select
    events.account_key,
    events.event_id,
    events.message_id,
    events.event_index,
    events.event_type,
    events.event_type_raw,
    messages.journey_id,
    messages.journey_version_id,
    messages.journey_entry_id,
    messages.node_id,
    messages.campaign_id,
    messages.variant_id,
    messages.channel,
    messages.platform,
    events.user_key,
    events.endpoint_id,
    events.link_id,
    events.reason_code,
    events.bounce_type,
    messages.is_control,
    events.is_bot,
    events.bot_reason,
    events.occurred_at,
    {{ local_date('events.occurred_at', 'messages.reporting_timezone') }} as event_date,
    messages.reporting_timezone
from {{ touched(ref('int_message_events_enriched'), 'message') }} as events
inner join {{ touched(ref('fct_messages'), 'message') }} as messages
    on events.account_key = messages.account_key and events.message_id = messages.message_id
