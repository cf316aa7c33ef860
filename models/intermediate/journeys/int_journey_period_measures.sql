with conversions as (
    select
        *,
        row_number() over (
            partition by account_key, journey_id, goal_id, journey_entry_id
            order by occurred_at, event_id
        ) = 1 as is_first_of_entry
    from {{ ref('fct_conversions') }}
    where not is_control
),

dated as (
    select
        events.account_key,
        events.journey_id,
        coalesce(events.journey_version_id, 'unknown') as journey_version_id,
        events.user_key,
        {{ local_date('events.occurred_at', 'settings.reporting_timezone') }} as measure_date,
        {{ measures_of('qualified') }} as measures
    from {{ ref('stg_journey_events') }} as events
    inner join {{ ref('stg_settings') }} as settings
        on events.account_key = settings.account_key
    where events.event_type = 'qualified'
    union all
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        entry_date as measure_date,
        {{ measures_of('entries') }} as measures
    from {{ ref('fct_journey_entries') }}
    union all
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        exit_date as measure_date,
        {{ measures_of('exits') }} as measures
    from {{ ref('fct_journey_entries') }}
    where not is_control and exit_date is not null
    union all
    -- Snapshots carry no date: they are what holds at as_of, in every period (R25).
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        cast(null as date) as measure_date,
        {{ measures_of('open_entries') }} as measures
    from {{ ref('fct_journey_entries') }}
    where not is_control and effective_exit_at is null
    union all
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        journey_version_id,
        user_key,
        message_date as measure_date,
        {{ measures_of('messages') }} as measures
    from {{ ref('fct_messages') }}
    where not is_control
    union all
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        conversion_date as measure_date,
        {{ measures_of('conversions') }} as measures
    from conversions
    union all
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        entry_date as measure_date,
        {{ measures_of('cohort_conversions') }} as measures
    from conversions
    where is_first_conversion and is_headline_goal
),

-- Rows that hold the same measures are counted by day first: a period adds days, not rows.
day_counts as (
    select
        account_key,
        journey_id,
        journey_version_id,
        measure_date,
        measures,
        count(*) as row_count
    from dated
    group by account_key, journey_id, journey_version_id, measure_date, measures
),

-- Numbers stand for journey and version from here on: users are compared by them, not by texts.
finest_groups as (
    select
        account_key,
        journey_id,
        journey_version_id,
        row_number() over (order by account_key, journey_id, journey_version_id) as group_number
    from day_counts
    group by account_key, journey_id, journey_version_id
),

group_members as (
    select
        group_number,
        account_key,
        journey_group,
        version_group,
        dense_rank() over (order by set_number, account_key, journey_group, version_group) as rolled_number
    from (
        {% for journey, version in [('journey_id', 'journey_version_id'), ('journey_id', "'ALL'"), ("'ALL'", "'ALL'")] -%}
        {{ 'union all' if not loop.first }}
        select
            group_number,
            account_key,
            {{ loop.index }} as set_number,
            {{ journey }} as journey_group,
            {{ version }} as version_group
        from finest_groups
        {% endfor %}
    ) as rolled_groups
),

days as (
    select distinct
        account_key,
        measure_date
    from day_counts
),

-- Which periods a day falls in is asked once per day; what has no day falls in all.
day_periods as (
    select
        days.account_key,
        days.measure_date,
        periods.period_id
    from days
    inner join {{ ref('dim_period') }} as periods
        on
            days.account_key = periods.account_key
            and (days.measure_date is null or days.measure_date between periods.period_from and periods.period_to)
),

group_sums as (
    select
        group_members.rolled_number,
        group_members.account_key,
        group_members.journey_group,
        group_members.version_group,
        day_periods.period_id,
        {% for name in journey_sum_names() -%}
        sum(case when {{ counts_in(name) }} then day_counts.row_count else 0 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from day_counts
    inner join finest_groups
        on
            day_counts.account_key = finest_groups.account_key
            and day_counts.journey_id = finest_groups.journey_id
            and day_counts.journey_version_id = finest_groups.journey_version_id
    inner join day_periods
        on
            day_counts.account_key = day_periods.account_key
            and day_counts.measure_date is not distinct from day_periods.measure_date
    inner join group_members
        on finest_groups.group_number = group_members.group_number
    group by
        group_members.rolled_number, group_members.account_key, group_members.journey_group,
        group_members.version_group, day_periods.period_id
),

-- One row per user of a journey, version and period: every rolled-up row is counted from these.
user_measures as (
    select
        finest_groups.group_number,
        day_periods.period_id,
        dated.user_key,
        bit_or(dated.measures) as measures
    from dated
    inner join finest_groups
        on
            dated.account_key = finest_groups.account_key
            and dated.journey_id = finest_groups.journey_id
            and dated.journey_version_id = finest_groups.journey_version_id
    inner join day_periods
        on
            dated.account_key = day_periods.account_key
            and dated.measure_date is not distinct from day_periods.measure_date
    where {{ counts_users('dated.measures') }}
    group by finest_groups.group_number, day_periods.period_id, dated.user_key
),

rolled_users as (
    select
        group_members.rolled_number,
        user_measures.period_id,
        bit_or(user_measures.measures) as measures
    from user_measures
    inner join group_members
        on user_measures.group_number = group_members.group_number
    group by group_members.rolled_number, user_measures.period_id, user_measures.user_key
),

users_counted as (
    select
        rolled_number,
        period_id,
        {% for name, measure in journey_users() -%}
        count(case when {{ counts_in(measure) }} then 1 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from rolled_users
    group by rolled_number, period_id
)

select
    group_sums.account_key,
    group_sums.journey_group as journey_id,
    group_sums.version_group as journey_version_id,
    group_sums.period_id,
    {% for name in journey_sum_names() %}group_sums.{{ name }},
    {% endfor -%}
    {% for name, measure in journey_users() %}coalesce(users_counted.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from group_sums
left join users_counted
    on group_sums.rolled_number = users_counted.rolled_number and group_sums.period_id = users_counted.period_id
