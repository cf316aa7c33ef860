{{ rebuilt_by('conversion_pair') }}

with entries as (
    select
        entries.*,
        settings.conversion_boundary
    from {{ touched(ref('int_entries_exited'), 'conversion_pair') }} as entries
    inner join {{ ref('stg_settings') }} as settings
        on entries.account_key = settings.account_key
),

entry_goals as (
    select
        entries.account_key,
        entries.journey_id,
        goals.goal_id,
        entries.journey_entry_id,
        entries.user_key,
        entries.entered_at,
        entries.effective_exit_at,
        entries.trigger_event_id,
        entries.conversion_boundary,
        goals.condition_key,
        goals.window_anchor,
        goals.window_seconds * 1000000 as window_us,
        goals.value_property,
        goals.currency_property
    from entries
    inner join {{ ref('int_goal_versions') }} as goals
        on
            entries.account_key = goals.account_key
            and entries.journey_id = goals.journey_id
            and (goals.valid_from is null or entries.entered_at >= goals.valid_from)
            and (goals.valid_to is null or entries.entered_at < goals.valid_to)
),

later_events as (
    select
        entry_goals.*,
        matched.event_id,
        matched.occurred_at,
        matched.value as event_value,
        matched.currency as event_currency,
        matched.properties
    from entry_goals
    inner join {{ ref('int_goal_events_matched') }} as matched
        on
            entry_goals.account_key = matched.account_key
            and entry_goals.user_key = matched.user_key
            and entry_goals.condition_key = matched.condition_key
            and entry_goals.entered_at <= matched.occurred_at
    where coalesce(entry_goals.trigger_event_id <> matched.event_id, true)
),

-- The start of the window that reaches the event: exit or entry of the journey, or the latest message event before it.
journey_anchored as (
    select
        *,
        case window_anchor when 'journey_entry' then entered_at else effective_exit_at end as anchor_at
    from later_events
    where window_anchor in ('journey_entry', 'journey_exit')
),

message_anchored as (
    select
        later_events.account_key,
        later_events.journey_id,
        later_events.goal_id,
        later_events.event_id,
        later_events.journey_entry_id,
        max(anchors.occurred_at) as anchor_at
    from later_events
    inner join {{ ref('int_message_anchors') }} as anchors
        on
            later_events.account_key = anchors.account_key
            and later_events.journey_entry_id = anchors.journey_entry_id
            and later_events.window_anchor = anchors.window_anchor
            and later_events.occurred_at >= anchors.occurred_at
    group by
        later_events.account_key, later_events.journey_id, later_events.goal_id, later_events.event_id,
        later_events.journey_entry_id
),

anchored as (
    select * from journey_anchored
    union all
    select
        later_events.*,
        message_anchored.anchor_at
    from later_events
    inner join message_anchored
        on
            later_events.account_key = message_anchored.account_key
            and later_events.journey_id = message_anchored.journey_id
            and later_events.goal_id = message_anchored.goal_id
            and later_events.event_id = message_anchored.event_id
            and later_events.journey_entry_id = message_anchored.journey_entry_id
),

in_window as (
    select
        *,
        row_number() over (
            partition by account_key, journey_id, goal_id, event_id
            order by entered_at desc, journey_entry_id desc
        ) as entry_recency
    from anchored
    where
        anchor_at is null
        or {{ epoch_us('occurred_at') }} - {{ epoch_us('anchor_at') }} < window_us
        or (
            conversion_boundary = 'inclusive'
            and {{ epoch_us('occurred_at') }} - {{ epoch_us('anchor_at') }} = window_us
        )
)

select
    account_key,
    journey_id,
    goal_id,
    event_id,
    journey_entry_id,
    user_key,
    occurred_at,
    anchor_at,
    {{ conversion_value('event_value') }} as value,
    {{ conversion_currency('event_currency') }} as currency
from in_window
where entry_recency = 1
