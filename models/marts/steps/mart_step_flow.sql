with entry_nodes as (
    select
        visits.account_key,
        visits.journey_id,
        visits.journey_version_id,
        visits.node_id,
        visits.journey_entry_id,
        visits.user_key,
        visits.next_node_id is not null as has_next_node,
        -- Where the entry went: 0 on, 1 it is open here, 2 it dropped off here, 3 it completed here.
        case
            when not visits.is_last_visit then 0
            when entries.effective_exit_at is null then 1
            when not entries.is_last_node_terminal then 2
            else 3
        end as outcome
    from {{ ref('fct_node_visits') }} as visits
    inner join {{ ref('fct_journey_entries') }} as entries
        on visits.account_key = entries.account_key and visits.journey_entry_id = entries.journey_entry_id
    where not entries.is_control
),

-- An entry that passes a step twice counts once there, by its last visit.
entry_outcomes as (
    select
        account_key,
        journey_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        node_id,
        journey_entry_id,
        min(user_key) as user_key,
        max(outcome) as outcome,
        bool_or(has_next_node) as has_next_node
    from entry_nodes
    group by {{ grouping_sets([
        ['account_key', 'journey_id', 'node_id', 'journey_entry_id'],
        ['account_key', 'journey_id', 'journey_version_id', 'node_id', 'journey_entry_id'],
    ]) }}
),

-- By user first, so that users need not be told apart by two more distinct counts.
user_steps as (
    select
        account_key,
        journey_id,
        version_group,
        node_id,
        user_key,
        count(*) as entries_reached,
        count(case when outcome = 0 then 1 end) as entries_continued,
        count(case when outcome = 1 then 1 end) as entries_open_here,
        count(case when outcome = 2 then 1 end) as dropoff_entries,
        count(case when outcome = 3 then 1 end) as entries_completed_here,
        bool_or(has_next_node) as has_continued
    from entry_outcomes
    group by account_key, journey_id, version_group, node_id, user_key
),

counted as (
    select
        account_key,
        journey_id,
        version_group,
        node_id,
        sum(entries_reached) as entries_reached,
        sum(entries_continued) as entries_continued,
        sum(entries_open_here) as entries_open_here,
        sum(dropoff_entries) as dropoff_entries,
        sum(entries_completed_here) as entries_completed_here,
        count(*) as users_reached,
        count(case when has_continued then 1 end) as users_continued
    from user_steps
    group by account_key, journey_id, version_group, node_id
)

select
    counted.account_key,
    counted.journey_id,
    counted.version_group as journey_version_id,
    counted.node_id,
    coalesce(nodes.node_name, counted.node_id) as node_name,
    cast(counted.entries_reached as bigint) as entries_reached,
    cast(counted.entries_continued as bigint) as entries_continued,
    cast(counted.entries_open_here as bigint) as entries_open_here,
    cast(counted.dropoff_entries as bigint) as dropoff_entries,
    cast(counted.entries_completed_here as bigint) as entries_completed_here,
    cast(counted.users_reached as bigint) as users_reached,
    cast(counted.users_continued as bigint) as users_continued,
    cast({{ rate('counted.users_continued', 'counted.users_reached') }} as double) as step_continuation_rate,
    cast({{ rate('dropoff_entries', 'entries_reached - entries_open_here') }} as double) as step_dropoff_rate
from counted
left join {{ ref('int_nodes_any_version') }} as nodes
    on
        counted.account_key = nodes.account_key
        and counted.journey_id = nodes.journey_id
        and counted.node_id = nodes.node_id
