{{ rebuilt_by('conversion_pair') }}
{{ config(post_hook="{{ close_windows() }}") }}

with primary_goals as (
    select *
    from {{ ref('int_goal_versions') }}
    where is_primary_goal
),

primary_conversions as (
    select
        account_key,
        journey_entry_id,
        min(occurred_at) as converted_at
    from {{ touched(ref('fct_conversions'), 'conversion_pair') }} as conversions
    where is_primary_goal
    group by account_key, journey_entry_id
),

entries as (
    select * from {{ touched(ref('int_entries_exited'), 'conversion_pair') }} as exited
),

visits as (
    select
        account_key,
        journey_entry_id,
        max(case when is_last_visit then node_id end) as last_node_id,
        max(case when is_last_visit then journey_version_id end) as last_node_version_id,
        max(case when is_last_visit then coalesce(node_name, node_id) end) as last_node_name,
        coalesce(bool_or(is_terminal) filter (where is_last_visit), false) as is_last_node_terminal,
        count(*) as visits_total
    from {{ ref('fct_node_visits') }} as node_visits
    where
        journey_entry_id is not null
        {%- if is_incremental() %}
        and (account_key, journey_entry_id) in (
            select
                entries.account_key,
                entries.journey_entry_id
            from entries
        )
        {%- endif %}
    group by account_key, journey_entry_id
)

select
    entries.account_key,
    entries.journey_entry_id,
    entries.journey_id,
    entries.journey_version_id,
    entries.user_key,
    entries.variant_id,
    entries.control_group_type,
    entries.trigger_event_id,
    entries.entered_event_id,
    entries.exit_event_id,
    case
        when entries.effective_exit_at is null then 'in_progress'
        when entries.exit_reason_code in ('internal_error', 'sending_error') then 'dropped_off'
        else 'exited'
    end as entry_status,
    entries.exit_reason_code,
    entries.exit_event_name,
    visits.last_node_id,
    visits.last_node_version_id,
    visits.last_node_name,
    coalesce(visits.is_last_node_terminal, false) as is_last_node_terminal,
    entries.exit_node_id as last_completed_node_id,
    coalesce(visits.visits_total, 0) as node_visits_total,
    entries.exit_events,
    entries.is_control,
    entries.is_entry_id_derived,
    entries.is_exit_clamped,
    primary_conversions.journey_entry_id is not null as is_converted,
    coalesce(
        {{ epoch_us('entries.effective_exit_at') }} + coalesce(goals.window_seconds, 0) * 1000000
        < {{ epoch_us('settings.as_of') }},
        false
    ) as is_window_closed,
    {{ local_date('entries.entered_at', 'settings.reporting_timezone') }} as entry_date,
    {{ local_date('entries.effective_exit_at', 'settings.reporting_timezone') }} as exit_date,
    settings.reporting_timezone,
    entries.entered_at,
    entries.exited_at,
    entries.effective_exit_at,
    {{ timestamp_from_us(
        epoch_us('entries.effective_exit_at') ~ ' + coalesce(goals.window_seconds, 0) * 1000000'
    ) }} as window_closes_at,
    primary_conversions.converted_at
from entries
inner join {{ ref('stg_settings') }} as settings
    on entries.account_key = settings.account_key
left join primary_goals as goals
    on
        entries.account_key = goals.account_key
        and entries.journey_id = goals.journey_id
        and (goals.valid_from is null or entries.entered_at >= goals.valid_from)
        and (goals.valid_to is null or entries.entered_at < goals.valid_to)
left join primary_conversions
    on
        entries.account_key = primary_conversions.account_key
        and entries.journey_entry_id = primary_conversions.journey_entry_id
left join visits
    on entries.account_key = visits.account_key and entries.journey_entry_id = visits.journey_entry_id
