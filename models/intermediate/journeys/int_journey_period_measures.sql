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
        {{ journey_sum_columns('qualified') }}
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
        {{ journey_sum_columns('entries') }}
    from {{ ref('fct_journey_entries') }}
    union all
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        exit_date as measure_date,
        {{ journey_sum_columns('exits') }}
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
        {{ journey_sum_columns('open_entries') }}
    from {{ ref('fct_journey_entries') }}
    where not is_control and effective_exit_at is null
    union all
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        journey_version_id,
        user_key,
        message_date as measure_date,
        {{ journey_sum_columns('messages') }}
    from {{ ref('fct_messages') }}
    where not is_control
    union all
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        conversion_date as measure_date,
        {{ journey_sum_columns('conversions') }}
    from conversions
    union all
    select
        account_key,
        journey_id,
        journey_version_id,
        user_key,
        entry_date as measure_date,
        {{ journey_sum_columns('cohort_conversions') }}
    from conversions
    where is_first_conversion and is_headline_goal
),

-- One row per journey, version, period and user first: every rolled-up row is counted from these.
user_sums as (
    select
        dated.account_key,
        dated.journey_id,
        dated.journey_version_id,
        periods.period_id,
        dated.user_key,
        {% for name in journey_sum_names() %}sum(dated.{{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from dated
    inner join {{ ref('dim_period') }} as periods
        on
            dated.account_key = periods.account_key
            and (
                dated.measure_date is null
                or dated.measure_date between periods.period_from and periods.period_to
            )
    group by dated.account_key, dated.journey_id, dated.journey_version_id, periods.period_id, dated.user_key
),

group_sums as (
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        period_id,
        {% for name in journey_sum_names() %}sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from user_sums
    group by {{ grouping_sets([
        ['account_key', 'period_id'],
        ['account_key', 'journey_id', 'period_id'],
        ['account_key', 'journey_id', 'journey_version_id', 'period_id'],
    ]) }}
),

users_flagged as (
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        period_id,
        user_key,
        {% for name, measure in journey_users() %}bool_or({{ measure }} > 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from user_sums
    group by {{ grouping_sets([
        ['account_key', 'period_id', 'user_key'],
        ['account_key', 'journey_id', 'period_id', 'user_key'],
        ['account_key', 'journey_id', 'journey_version_id', 'period_id', 'user_key'],
    ]) }}
),

users_counted as (
    select
        account_key,
        journey_group,
        version_group,
        period_id,
        {% for name, measure in journey_users() %}count(case when {{ name }} then 1 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from users_flagged
    group by account_key, journey_group, version_group, period_id
)

select
    group_sums.account_key,
    group_sums.journey_group as journey_id,
    group_sums.version_group as journey_version_id,
    group_sums.period_id,
    {% for name in journey_sum_names() %}group_sums.{{ name }},
    {% endfor -%}
    {% for name, measure in journey_users() %}users_counted.{{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from group_sums
inner join users_counted
    on
        group_sums.account_key = users_counted.account_key
        and group_sums.journey_group = users_counted.journey_group
        and group_sums.version_group = users_counted.version_group
        and group_sums.period_id = users_counted.period_id
