with valued as (
    select *
    from {{ ref('fct_conversions') }}
    where not is_control and value is not null and currency is not null
),

-- One event may convert in several journeys and goals: the workspace counts it once (A41).
workspace_events as (
    select
        account_key,
        event_id,
        currency,
        max(value) as value,
        max(case when is_first_conversion then value end) as first_value
    from valued
    group by account_key, event_id, currency
)

select
    account_key,
    journey_id,
    goal_id,
    currency,
    cast(sum(case when is_first_conversion then value end) as decimal(38, 9)) as revenue_first,
    cast(sum(value) as decimal(38, 9)) as revenue_all
from valued
group by account_key, journey_id, goal_id, currency
union all
select
    account_key,
    'ALL' as journey_id,
    'ALL' as goal_id,
    currency,
    cast(sum(first_value) as decimal(38, 9)) as revenue_first,
    cast(sum(value) as decimal(38, 9)) as revenue_all
from workspace_events
group by account_key, currency
