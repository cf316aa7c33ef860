{{ rebuilt_by('pair') }}

with events as {{ not_materialized() if not is_incremental() }} (
    select stg_events.*
    from {{ touched(ref('stg_message_events'), 'pair') }} as stg_events
),

entries as (
    select * from {{ touched(ref('int_entries_opened'), 'pair') }} as opened
),

latest_entries as (
    select
        events.account_key,
        events.event_id,
        entries.journey_entry_id,
        row_number() over (
            partition by events.account_key, events.event_id
            order by entries.entered_at desc, entries.journey_entry_id desc
        ) as entry_recency
    from events
    inner join entries
        on
            events.account_key = entries.account_key
            and events.user_key = entries.user_key
            and events.journey_id = entries.journey_id
            and events.occurred_at >= entries.entered_at
    where events.journey_entry_id is null
),

bot_agents as (
    select distinct agents.user_agent
    from (
        select distinct user_agent from events
        where user_agent is not null
    ) as agents
    inner join {{ ref('bot_user_agents') }} as patterns
        on lower(agents.user_agent) like '%' || patterns.user_agent_pattern || '%'
),

quick_clicks as (
    select distinct
        clicks.account_key,
        clicks.event_id
    from events as clicks
    inner join events as deliveries
        on
            clicks.account_key = deliveries.account_key
            and clicks.message_id = deliveries.message_id
            and deliveries.event_type = 'delivered'
            and clicks.occurred_at >= deliveries.occurred_at
    inner join {{ ref('stg_settings') }} as settings
        on clicks.account_key = settings.account_key
    where
        clicks.event_type = 'clicked'
        and {{ epoch_us('clicks.occurred_at') }} - {{ epoch_us('deliveries.occurred_at') }}
        < settings.bot_click_min_seconds * 1000000
)

select
    events.account_key,
    events.event_id,
    events.event_type,
    events.event_type_raw,
    events.message_id,
    row_number() over (
        partition by events.account_key, events.message_id
        order by events.occurred_at, events.event_id
    ) as event_index,
    events.journey_id,
    events.journey_version_id,
    coalesce(events.journey_entry_id, latest_entries.journey_entry_id) as journey_entry_id,
    events.journey_entry_id as stated_entry_id,
    events.node_id,
    events.campaign_id,
    events.variant_id,
    events.user_key,
    events.channel,
    events.platform,
    events.device_model,
    events.endpoint_id,
    events.occurred_at,
    events.reason_code,
    events.bounce_type,
    events.link_id,
    events.delivery_route,
    events.sms_segments,
    events.cost_amount,
    events.cost_currency,
    events.is_bot or bot_agents.user_agent is not null or quick_clicks.event_id is not null as is_bot,
    case
        when events.is_bot then coalesce(events.bot_reason, 'vendor_flag')
        when bot_agents.user_agent is not null then 'user_agent'
        when quick_clicks.event_id is not null then 'click_speed'
    end as bot_reason
from events
left join latest_entries
    on
        events.account_key = latest_entries.account_key
        and events.event_id = latest_entries.event_id
        and latest_entries.entry_recency = 1
left join bot_agents
    on events.user_agent = bot_agents.user_agent
left join quick_clicks
    on events.account_key = quick_clicks.account_key and events.event_id = quick_clicks.event_id
