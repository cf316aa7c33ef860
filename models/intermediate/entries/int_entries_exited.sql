{{ rebuilt_by('entry') }}

with entries as (
    select * from {{ touched(ref('int_entries_opened'), 'entry') }} as opened
),

exits as (
    select
        account_key,
        journey_entry_id,
        event_id as exit_event_id,
        occurred_at as exited_at,
        reason_code,
        exit_event_name,
        node_id as exit_node_id,
        row_number() over (partition by account_key, journey_entry_id order by occurred_at, event_id) as exit_index,
        count(*) over (partition by account_key, journey_entry_id) as exit_events
    from {{ touched(ref('int_journey_events_assigned'), 'entry') }} as assigned
    where event_type = 'journey_exited' and journey_entry_id is not null
),

controls as (
    select
        account_key,
        journey_entry_id,
        max(control_group_type) as control_group_type
    from {{ touched(ref('int_journey_events_assigned'), 'entry') }} as assigned
    where event_type = 'control_assigned' and journey_entry_id is not null
    group by account_key, journey_entry_id
),

clocks as (
    select
        entries.account_key,
        entries.journey_entry_id,
        {{ stopped_at('entries') }} as stopped_at,
        {{ stale_at('entries') }} as stale_at
    from entries
    inner join {{ ref('stg_settings') }} as settings
        on entries.account_key = settings.account_key
    left join {{ ref('stg_journeys') }} as journeys
        on entries.account_key = journeys.account_key and entries.journey_id = journeys.journey_id
)

select
    entries.account_key,
    entries.journey_entry_id,
    entries.is_entry_id_derived,
    entries.journey_id,
    entries.journey_version_id,
    entries.user_key,
    entries.entered_event_id,
    entries.entered_at,
    entries.variant_id,
    entries.trigger_event_id,
    entries.is_control or controls.journey_entry_id is not null as is_control,
    coalesce(entries.control_group_type, controls.control_group_type) as control_group_type,
    exits.exit_event_id,
    exits.exited_at,
    exits.exit_event_name,
    exits.exit_node_id,
    coalesce(exits.exit_events, 0) as exit_events,
    case when exits.exited_at is null then clocks.stopped_at end as stopped_at,
    case when exits.exited_at is null then clocks.stale_at end as stale_at,
    coalesce(exits.exited_at < entries.entered_at, false) as is_exit_clamped,
    case
        when exits.exited_at is not null then greatest(exits.exited_at, entries.entered_at)
        else least(coalesce(clocks.stopped_at, clocks.stale_at), coalesce(clocks.stale_at, clocks.stopped_at))
    end as effective_exit_at,
    case
        when exits.exited_at is not null then coalesce(exits.reason_code, 'other')
        when clocks.stopped_at <= coalesce(clocks.stale_at, clocks.stopped_at) then 'journey_stopped'
        when clocks.stale_at is not null then 'stale_timeout'
    end as exit_reason_code
from entries
left join exits
    on
        entries.account_key = exits.account_key
        and entries.journey_entry_id = exits.journey_entry_id
        and exits.exit_index = 1
left join controls
    on entries.account_key = controls.account_key and entries.journey_entry_id = controls.journey_entry_id
left join clocks
    on entries.account_key = clocks.account_key and entries.journey_entry_id = clocks.journey_entry_id
