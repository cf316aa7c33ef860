{% set measures = journey_sum_names() + (journey_users() | map(attribute=0) | list) %}
with attributed_events as (
    select
        account_key,
        journey_id,
        event_id
    from {{ ref('fct_conversions') }}
    where not is_control
    group by account_key, journey_id, event_id
),

conversion_events as (
    select
        account_key,
        count(distinct event_id) as conversion_events_deduplicated,
        count(*) as conversion_events_sum_over_journeys
    from attributed_events
    group by account_key
),

journeys as (
    select
        account_key,
        count(*) as journeys_total
    from {{ ref('dim_journey') }}
    group by account_key
),

joined as (
    select
        settings.account_key,
        settings.source_system,
        settings.source_account,
        settings.as_of,
        settings.reporting_timezone,
        coalesce(journeys.journeys_total, 0) as journeys_total,
        coalesce(conversion_events.conversion_events_deduplicated, 0) as conversion_events_deduplicated,
        coalesce(conversion_events.conversion_events_sum_over_journeys, 0) as conversion_events_sum_over_journeys,
        {% for name in measures %}coalesce(measures.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('stg_settings') }} as settings
    left join conversion_events
        on settings.account_key = conversion_events.account_key
    left join journeys
        on settings.account_key = journeys.account_key
    left join {{ ref('int_journey_period_measures') }} as measures
        on
            settings.account_key = measures.account_key
            and measures.journey_id = 'ALL'
            and measures.period_id = 'all_time'
)

select
    account_key,
    source_system,
    source_account,
    as_of,
    reporting_timezone,
    cast(journeys_total as bigint) as journeys_total,
    cast(conversion_events_deduplicated as bigint) as conversion_events_deduplicated,
    cast(conversion_events_sum_over_journeys as bigint) as conversion_events_sum_over_journeys,
    {{ journey_measure_columns() }}
from joined
