{{ rebuilt_by('pair') }}

with events as {{ not_materialized() if not is_incremental() }} (
    select *
    from {{ touched(ref('stg_journey_events'), 'pair') }} as stg_events
    where event_type not in ('journey_entered', 'qualified')
),

entries as (
    select * from {{ touched(ref('int_entries_opened'), 'entry') }} as opened
),

-- Rows without an entry id join the latest entry at or before them, whatever its exit (R4, F4).
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
)

select
    events.account_key,
    events.event_id,
    events.event_type,
    events.event_type_raw,
    events.journey_id,
    coalesce(events.journey_version_id, 'unknown') as journey_version_id,
    entries.journey_entry_id,
    events.user_key,
    events.node_id,
    events.next_node_id,
    events.branch_label,
    events.occurred_at,
    events.is_control,
    events.control_group_type,
    events.variant_id,
    events.reason_code,
    events.exit_event_name,
    events.error_code,
    events.error_message
from events
left join latest_entries
    on
        events.account_key = latest_entries.account_key
        and events.event_id = latest_entries.event_id
        and latest_entries.entry_recency = 1
left join entries
    on
        events.account_key = entries.account_key
        and coalesce(events.journey_entry_id, latest_entries.journey_entry_id) = entries.journey_entry_id
