{% set measures = journey_sum_names() + (journey_users() | map(attribute=0) | list) %}
with groups as (
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

joined as (
    select
        groups.account_key,
        groups.journey_id,
        groups.journey_version_id,
        periods.period_id,
        periods.period_from,
        periods.period_to,
        periods.reporting_timezone,
        settings.as_of,
        journeys.journey_name,
        journeys.journey_type,
        journeys.category,
        journeys.journey_status,
        journeys.headline_goal_id as primary_goal_id,
        journeys.goals_configured,
        {% for name in measures %}coalesce(measures.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from groups
    inner join {{ ref('stg_settings') }} as settings
        on groups.account_key = settings.account_key
    inner join {{ ref('dim_period') }} as periods
        on groups.account_key = periods.account_key
    inner join {{ ref('dim_journey') }} as journeys
        on groups.account_key = journeys.account_key and groups.journey_id = journeys.journey_id
    left join {{ ref('int_journey_period_measures') }} as measures
        on
            groups.account_key = measures.account_key
            and groups.journey_id = measures.journey_id
            and groups.journey_version_id = measures.journey_version_id
            and periods.period_id = measures.period_id
)

select
    account_key,
    journey_id,
    journey_version_id,
    period_id,
    period_from,
    period_to,
    reporting_timezone,
    as_of,
    journey_name,
    journey_type,
    category,
    journey_status,
    primary_goal_id,
    goals_configured,
    {{ journey_measure_columns() }}
from joined
