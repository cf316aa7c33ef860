with periods as (
    {{ period_bases(['event', 'entry_cohort']) }}
),

goals as (
    select *
    from {{ ref('dim_goal') }}
    where is_latest_version
),

versions as (
    select
        account_key,
        journey_id,
        journey_version_id
    from {{ ref('dim_journey_version') }}
    union all
    select
        account_key,
        journey_id,
        'ALL' as journey_version_id
    from {{ ref('dim_journey') }}
),

-- Both bases take an entry by the date it was entered: entries are counted once and shown under both.
period_entries as (
    select
        entries.*,
        periods.period_id
    from {{ ref('fct_journey_entries') }} as entries
    inner join periods
        on
            entries.account_key = periods.account_key
            and periods.date_basis = 'event'
            and {{ falls_in('periods', 'entries.entry_date', 'entries.entry_date') }}
),

conversions_ordered as (
    select
        *,
        row_number() over (
            partition by account_key, journey_id, goal_id, journey_entry_id
            order by occurred_at, event_id
        ) = 1 as is_first_of_entry
    from {{ ref('fct_conversions') }}
),

period_conversions as (
    select
        conversions_ordered.*,
        periods.period_id,
        periods.date_basis
    from conversions_ordered
    inner join periods
        on
            conversions_ordered.account_key = periods.account_key
            and {{ falls_in('periods', 'conversions_ordered.conversion_date', 'conversions_ordered.entry_date') }}
),

entry_users as (
    select
        account_key,
        period_id,
        journey_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        count(case when not is_control then 1 end) as total_entries,
        count(distinct case when not is_control then user_key end) as unique_entry_users,
        count(distinct case when is_control then user_key end) as control_users
    from period_entries
    group by {{ grouping_sets([
        ['account_key', 'period_id', 'journey_id'],
        ['account_key', 'period_id', 'journey_id', 'journey_version_id'],
    ]) }}
),

conversions as (
    select
        account_key,
        period_id,
        date_basis,
        journey_id,
        goal_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        count(case when is_first_conversion and not is_control then 1 end) as converted_users,
        count(case when is_first_conversion and is_control then 1 end) as control_converted_users,
        count(case when not is_control then 1 end) as conversion_events_total,
        count(case when is_first_of_entry and not is_control then 1 end) as converted_entries,
        percentile_cont(0.5) within group (
            order by case when is_first_conversion and not is_control then seconds_to_convert end
        ) as ttc_p50_seconds,
        -- Whole microseconds add up to the same sum in any order, fractions of a second do not.
        cast(
            sum(case
                when is_first_conversion and not is_control then cast(round(seconds_to_convert * 1000000) as bigint)
            end) as double
        ) / 1000000e0 / nullif(count(case when is_first_conversion and not is_control then 1 end), 0) as ttc_mean_seconds,
        min(case when is_first_conversion and not is_control then seconds_to_convert end) as ttc_min_seconds,
        max(case when is_first_conversion and not is_control then seconds_to_convert end) as ttc_max_seconds
    from period_conversions
    group by {{ grouping_sets([
        ['account_key', 'period_id', 'date_basis', 'journey_id', 'goal_id'],
        ['account_key', 'period_id', 'date_basis', 'journey_id', 'goal_id', 'journey_version_id'],
    ]) }}
),

entry_maturity as (
    select
        entries.account_key,
        entries.period_id,
        entries.journey_id,
        goals.goal_id,
        entries.journey_version_id,
        entries.user_key,
        coalesce(
            {{ epoch_us('entries.effective_exit_at') }} + coalesce(goal_versions.window_seconds, 0) * 1000000
            < {{ epoch_us('settings.as_of') }},
            false
        ) as is_window_closed
    from period_entries as entries
    inner join {{ ref('stg_settings') }} as settings
        on entries.account_key = settings.account_key
    inner join goals
        on entries.account_key = goals.account_key and entries.journey_id = goals.journey_id
    left join {{ ref('int_goal_versions') }} as goal_versions
        on
            goals.account_key = goal_versions.account_key
            and goals.journey_id = goal_versions.journey_id
            and goals.goal_id = goal_versions.goal_id
            and (goal_versions.valid_from is null or entries.entered_at >= goal_versions.valid_from)
            and (goal_versions.valid_to is null or entries.entered_at < goal_versions.valid_to)
    where not entries.is_control
),

user_maturity as (
    select
        account_key,
        period_id,
        journey_id,
        goal_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        user_key
    from entry_maturity
    group by {{ grouping_sets([
        ['account_key', 'period_id', 'journey_id', 'goal_id', 'user_key'],
        ['account_key', 'period_id', 'journey_id', 'goal_id', 'journey_version_id', 'user_key'],
    ]) }}
    having count(case when not is_window_closed then 1 end) = 0
),

first_converters as (
    select distinct
        account_key,
        period_id,
        date_basis,
        journey_id,
        goal_id,
        journey_version_id,
        user_key
    from period_conversions
    where is_first_conversion and not is_control
),

matured as (
    select
        account_key,
        period_id,
        journey_id,
        goal_id,
        version_group,
        count(*) as matured_entry_users
    from user_maturity
    group by account_key, period_id, journey_id, goal_id, version_group
),

matured_converters as (
    select
        user_maturity.account_key,
        user_maturity.period_id,
        first_converters.date_basis,
        user_maturity.journey_id,
        user_maturity.goal_id,
        user_maturity.version_group,
        count(*) as matured_converted_users
    from user_maturity
    inner join first_converters
        on
            user_maturity.account_key = first_converters.account_key
            and user_maturity.period_id = first_converters.period_id
            and user_maturity.journey_id = first_converters.journey_id
            and user_maturity.goal_id = first_converters.goal_id
            and user_maturity.user_key = first_converters.user_key
    -- A user converted in the version of the entry that got the credit (A31).
    where user_maturity.version_group in ('ALL', first_converters.journey_version_id)
    group by
        user_maturity.account_key, user_maturity.period_id, first_converters.date_basis, user_maturity.journey_id,
        user_maturity.goal_id, user_maturity.version_group
),

joined as (
    select
        goals.account_key,
        goals.journey_id,
        versions.journey_version_id,
        goals.goal_id,
        periods.period_id,
        periods.period_from,
        periods.period_to,
        periods.date_basis,
        goals.goal_name,
        goals.goal_index,
        goals.goal_event_name,
        goals.window_anchor,
        goals.window_seconds,
        goals.is_primary,
        goals.is_headline_goal,
        coalesce(entry_users.total_entries, 0) as total_entries,
        coalesce(entry_users.unique_entry_users, 0) as unique_entry_users,
        coalesce(entry_users.control_users, 0) as control_users,
        coalesce(conversions.converted_users, 0) as converted_users,
        coalesce(conversions.control_converted_users, 0) as control_converted_users,
        coalesce(conversions.conversion_events_total, 0) as conversion_events_total,
        coalesce(conversions.converted_entries, 0) as converted_entries,
        conversions.ttc_p50_seconds,
        conversions.ttc_mean_seconds,
        conversions.ttc_min_seconds,
        conversions.ttc_max_seconds,
        coalesce(matured.matured_entry_users, 0) as matured_entry_users,
        coalesce(matured_converters.matured_converted_users, 0) as matured_converted_users
    from goals
    inner join versions
        on goals.account_key = versions.account_key and goals.journey_id = versions.journey_id
    inner join periods
        on goals.account_key = periods.account_key
    left join entry_users
        on
            goals.account_key = entry_users.account_key
            and periods.period_id = entry_users.period_id
            and goals.journey_id = entry_users.journey_id
            and versions.journey_version_id = entry_users.version_group
    left join conversions
        on
            goals.account_key = conversions.account_key
            and periods.period_id = conversions.period_id
            and periods.date_basis = conversions.date_basis
            and goals.journey_id = conversions.journey_id
            and goals.goal_id = conversions.goal_id
            and versions.journey_version_id = conversions.version_group
    left join matured
        on
            goals.account_key = matured.account_key
            and periods.period_id = matured.period_id
            and goals.journey_id = matured.journey_id
            and goals.goal_id = matured.goal_id
            and versions.journey_version_id = matured.version_group
    left join matured_converters
        on
            goals.account_key = matured_converters.account_key
            and periods.period_id = matured_converters.period_id
            and periods.date_basis = matured_converters.date_basis
            and goals.journey_id = matured_converters.journey_id
            and goals.goal_id = matured_converters.goal_id
            and versions.journey_version_id = matured_converters.version_group
),

rated as (
    select
        *,
        {{ rate('converted_users', 'unique_entry_users') }} as nm_conversion_rate,
        {{ rate('control_converted_users', 'control_users') }} as control_conversion_rate
    from joined
)

select
    account_key,
    journey_id,
    journey_version_id,
    goal_id,
    period_id,
    period_from,
    period_to,
    date_basis,
    goal_name,
    goal_index,
    goal_event_name,
    window_anchor,
    window_seconds,
    is_primary,
    is_headline_goal,
    cast(total_entries as bigint) as total_entries,
    cast(unique_entry_users as bigint) as unique_entry_users,
    cast(converted_users as bigint) as converted_users,
    cast(conversion_events_total as bigint) as conversion_events_total,
    cast(converted_entries as bigint) as converted_entries,
    cast(nm_conversion_rate as double) as nm_conversion_rate,
    cast({{ rate('converted_users', 'total_entries') }} as double) as pw_conversion_rate,
    cast(converted_users as bigint) as pw_goal_count,
    cast({{ pct('converted_users', 'total_entries') }} as double) as pw_goal_conversion_rate_pct,
    cast(converted_users as bigint) as nm_total_converted_users,
    cast(conversion_events_total as bigint) as nm_total_conversion_events,
    cast(100 * nm_conversion_rate as double) as nm_conversion_rate_pct,
    cast({{ rate('converted_entries', 'total_entries') }} as double) as entry_conversion_rate,
    converted_users > 0 as has_export,
    cast(ttc_p50_seconds as double) as ttc_p50_seconds,
    cast(ttc_mean_seconds as double) as ttc_mean_seconds,
    cast(ttc_min_seconds as double) as ttc_min_seconds,
    cast(ttc_max_seconds as double) as ttc_max_seconds,
    cast(matured_entry_users as bigint) as matured_entry_users,
    cast(matured_converted_users as bigint) as matured_converted_users,
    cast({{ rate('matured_converted_users', 'matured_entry_users') }} as double) as matured_conversion_rate,
    cast(control_users as bigint) as control_users,
    cast(control_converted_users as bigint) as control_converted_users,
    cast(control_conversion_rate as double) as control_conversion_rate,
    cast(nm_conversion_rate - control_conversion_rate as double) as uplift_abs,
    cast((nm_conversion_rate - control_conversion_rate) / nullif(control_conversion_rate, 0) as double) as uplift_rel,
    cast(100 * (nm_conversion_rate - control_conversion_rate) / nullif(control_conversion_rate, 0) as double)
        as ct_boost_pct
from rated
