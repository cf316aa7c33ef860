{{ rebuilt_by('pair') }}

with events as {{ not_materialized() if not is_incremental() }} (
    select stg_events.*
    from {{ touched(ref('stg_message_events'), 'pair') }} as stg_events
),

-- The times in which an entry is the latest one of its user and journey (R4, F4).
entries as (
    select
        account_key,
        user_key,
        journey_id,
        journey_entry_id,
        entered_at,
        lead(entered_at, 1, timestamp '9999-12-31 00:00:00') over (
            partition by account_key, user_key, journey_id
            order by entered_at, journey_entry_id
        ) as next_entered_at
    from {{ touched(ref('int_entries_opened'), 'pair') }} as opened
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

delivered_before as (
    select
        account_key,
        event_id,
        event_type,
        occurred_at,
        max(case when event_type = 'delivered' then occurred_at end) over (
            partition by account_key, message_id
            order by occurred_at
        ) as last_delivered_at
    from events
    where
        event_type in ('delivered', 'clicked')
        and message_id in (
            select clicks.message_id
            from events as clicks
            where clicks.event_type = 'clicked'
        )
),

quick_clicks as (
    select
        clicks.account_key,
        clicks.event_id
    from delivered_before as clicks
    inner join {{ ref('stg_settings') }} as settings
        on clicks.account_key = settings.account_key
    where
        clicks.event_type = 'clicked'
        and {{ epoch_us('clicks.occurred_at') }} - {{ epoch_us('clicks.last_delivered_at') }}
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
    coalesce(events.journey_entry_id, entries.journey_entry_id) as journey_entry_id,
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
left join entries
    on
        events.account_key = entries.account_key
        and case when events.journey_entry_id is null then events.user_key end = entries.user_key
        and events.journey_id = entries.journey_id
        and events.occurred_at >= entries.entered_at
        and events.occurred_at < entries.next_entered_at
left join bot_agents
    on events.user_agent = bot_agents.user_agent
left join quick_clicks
    on events.account_key = quick_clicks.account_key and events.event_id = quick_clicks.event_id
