{{ rebuilt_by('pair') }}

with visits as (
    select
        events.*,
        events.is_control or coalesce(entries.is_control, false) as is_control_visit,
        coalesce(entries.is_control, false) as is_control_entry,
        entries.effective_exit_at,
        row_number() over (
            partition by events.account_key, coalesce(events.journey_entry_id, 'none/' || events.event_id)
            order by events.occurred_at, events.event_id
        ) as visit_index,
        lead(events.occurred_at) over (
            partition by events.account_key, coalesce(events.journey_entry_id, 'none/' || events.event_id)
            order by events.occurred_at, events.event_id
        ) as next_visit_at,
        lead(events.event_id) over (
            partition by events.account_key, coalesce(events.journey_entry_id, 'none/' || events.event_id)
            order by events.occurred_at, events.event_id
        ) as next_event_id,
        lead(events.node_id) over (
            partition by events.account_key, coalesce(events.journey_entry_id, 'none/' || events.event_id)
            order by events.occurred_at, events.event_id
        ) as next_node_entered_id
    from {{ touched(ref('int_journey_events_assigned'), 'pair') }} as events
    left join {{ ref('int_entries_exited') }} as entries
        on events.account_key = entries.account_key and events.journey_entry_id = entries.journey_entry_id
    where events.event_type = 'node_entered' and events.node_id is not null
)

select
    visits.account_key,
    visits.event_id,
    visits.journey_id,
    visits.journey_version_id,
    visits.journey_entry_id,
    visits.node_id,
    coalesce(nodes.node_name, any_version.node_name) as node_name,
    {{ node_attribute('node_type') }} as node_type,
    {{ node_attribute('channel') }} as channel,
    visits.user_key,
    case when visits.journey_entry_id is not null then visits.visit_index end as visit_index,
    case when visits.journey_entry_id is not null then visits.next_event_id end as next_event_id,
    case when visits.journey_entry_id is not null then visits.next_node_entered_id end as next_node_id,
    case
        when visits.journey_entry_id is not null and visits.next_visit_at is not null
            then ({{ epoch_us('visits.next_visit_at') }} - {{ epoch_us('visits.occurred_at') }}) / 1000000.0
    end as seconds_to_next_node,
    visits.is_control_visit as is_control,
    visits.is_control_entry,
    coalesce({{ node_attribute('is_terminal') }}, false) as is_terminal,
    visits.journey_entry_id is not null and visits.next_event_id is null as is_last_visit,
    {{ local_date('visits.occurred_at', 'settings.reporting_timezone') }} as visit_date,
    settings.reporting_timezone,
    visits.occurred_at,
    case
        when visits.journey_entry_id is not null then coalesce(visits.next_visit_at, visits.effective_exit_at)
    end as left_at
from visits
inner join {{ ref('stg_settings') }} as settings
    on visits.account_key = settings.account_key
left join {{ ref('stg_nodes') }} as nodes
    on
        visits.account_key = nodes.account_key
        and visits.journey_id = nodes.journey_id
        and visits.journey_version_id = nodes.journey_version_id
        and visits.node_id = nodes.node_id
left join {{ ref('int_nodes_any_version') }} as any_version
    on
        visits.account_key = any_version.account_key
        and visits.journey_id = any_version.journey_id
        and visits.node_id = any_version.node_id
