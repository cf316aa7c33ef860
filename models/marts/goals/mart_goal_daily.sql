select
    account_key,
    journey_id,
    goal_id,
    conversion_date as date_day,
    reporting_timezone,
    'event' as date_basis,
    cast(count(case when is_first_conversion then 1 end) as bigint) as goal_first_conversions,
    cast(count(*) as bigint) as conversion_events
from {{ ref('fct_conversions') }}
where not is_control
group by account_key, journey_id, goal_id, conversion_date, reporting_timezone
