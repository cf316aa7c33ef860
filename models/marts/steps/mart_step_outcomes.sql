with outcomes as (
    select
        events.account_key,
        events.journey_id,
        events.journey_version_id,
        events.node_id,
        case
            when events.event_type = 'step_error' then coalesce(events.error_code, events.reason_code, 'step_error')
            else coalesce(events.branch_label, events.next_node_id, events.reason_code, events.event_type)
        end as outcome,
        events.event_type as outcome_type,
        events.event_id,
        events.user_key,
        events.journey_entry_id
    from {{ ref('int_journey_events_assigned') }} as events
    left join {{ ref('int_entries_exited') }} as entries
        on events.account_key = entries.account_key and events.journey_entry_id = entries.journey_entry_id
    where
        events.event_type in ('branch_taken', 'node_exited', 'step_error')
        and events.node_id is not null
        and not (events.is_control or coalesce(entries.is_control, false))
)

select
    account_key,
    journey_id,
    {{ all_when_rolled_up('outcomes.journey_version_id') }} as journey_version_id,
    node_id,
    outcome_type,
    outcome,
    cast(count(*) as bigint) as outcome_count,
    cast(count(distinct user_key) as bigint) as outcome_users,
    cast(count(distinct journey_entry_id) as bigint) as outcome_entries
from outcomes
group by {{ grouping_sets([
    ['account_key', 'journey_id', 'node_id', 'outcome_type', 'outcome'],
    ['account_key', 'journey_id', 'outcomes.journey_version_id', 'node_id', 'outcome_type', 'outcome'],
]) }}
