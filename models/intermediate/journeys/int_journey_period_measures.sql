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

-- One number for journey, version and period: users are compared by it, not by texts.
period_counts as (
    select
        day_counts.*,
        periods.period_id,
        dense_rank() over (
            order by day_counts.account_key, periods.period_id, day_counts.journey_id, day_counts.journey_version_id
        ) as cell_number
    from day_counts
    inner join {{ ref('dim_period') }} as periods
        on
            day_counts.account_key = periods.account_key
            and (
                day_counts.measure_date is null
                or day_counts.measure_date between periods.period_from and periods.period_to
            )
),

rolled_cells as (
    {% for journey, version in [('journey_id', 'journey_version_id'), ('journey_id', "'ALL'"), ("'ALL'", "'ALL'")] -%}
    {{ 'union all' if not loop.first }}
    select distinct
        cell_number,
        account_key,
        period_id,
        {{ loop.index }} as set_number,
        {{ journey }} as journey_group,
        {{ version }} as version_group
    from period_counts
    {% endfor %}
),

cell_groups as (
    select
        *,
        dense_rank() over (order by set_number, account_key, period_id, journey_group, version_group) as group_number
    from rolled_cells
),

group_sums as (
    select
        cell_groups.group_number,
        cell_groups.account_key,
        cell_groups.journey_group,
        cell_groups.version_group,
        cell_groups.period_id,
        {% for name in journey_sum_names() -%}
        sum(case when {{ counts_in(name) }} then period_counts.row_count else 0 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from period_counts
    inner join cell_groups
        on period_counts.cell_number = cell_groups.cell_number
    group by
        cell_groups.group_number, cell_groups.account_key, cell_groups.journey_group, cell_groups.version_group,
        cell_groups.period_id
),

day_cells as (
    select distinct
        account_key,
        journey_id,
        journey_version_id,
        measure_date,
        cell_number
    from period_counts
),

-- One row per user of a journey, version and period: every rolled-up row is counted from these.
user_cells as (
    select
        day_cells.cell_number,
        dated.user_key,
        bit_or(dated.measures) as measures
    from dated
    inner join day_cells
        on
            dated.account_key = day_cells.account_key
            and dated.journey_id = day_cells.journey_id
            and dated.journey_version_id = day_cells.journey_version_id
            and dated.measure_date is not distinct from day_cells.measure_date
    where {{ counts_users('dated.measures') }}
    group by day_cells.cell_number, dated.user_key
),

group_users as (
    select
        cell_groups.group_number,
        user_cells.user_key,
        bit_or(user_cells.measures) as measures
    from user_cells
    inner join cell_groups
        on user_cells.cell_number = cell_groups.cell_number
    group by cell_groups.group_number, user_cells.user_key
),

users_counted as (
    select
        group_number,
        {% for name, measure in journey_users() -%}
        count(case when {{ counts_in(measure) }} then 1 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from group_users
    group by group_number
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
    on group_sums.group_number = users_counted.group_number
