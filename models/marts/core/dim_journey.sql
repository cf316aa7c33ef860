with named as (
    select
        account_key,
        journey_id
    from {{ ref('stg_journeys') }}
    union
    select
        account_key,
        journey_id
    from {{ ref('stg_journey_versions') }}
    union
    select
        account_key,
        journey_id
    from {{ ref('stg_nodes') }}
    union
    select
        account_key,
        journey_id
    from {{ ref('stg_goals') }}
    union
    select
        account_key,
        journey_id
    from {{ ref('stg_journey_events') }}
    union
    select
        account_key,
        journey_id
    from {{ ref('fct_messages') }}
    where journey_id is not null
),

goals as (
    select
        goals.account_key,
        goals.journey_id,
        max(case when goals.is_primary_goal then goals.goal_id end) as primary_goal_id,
        max(case when goals.is_headline_goal then goals.goal_id end) as headline_goal_id,
        count(distinct case when goals.valid_to is null or goals.valid_to > settings.as_of then goals.goal_id end)
            as goals_configured
    from {{ ref('int_goal_versions') }} as goals
    inner join {{ ref('stg_settings') }} as settings
        on goals.account_key = settings.account_key
    group by goals.account_key, goals.journey_id
)

select
    named.account_key,
    named.journey_id,
    coalesce(journeys.journey_name, named.journey_id) as journey_name,
    journeys.journey_type,
    journeys.category,
    journeys.journey_status,
    journeys.reentry_policy,
    journeys.timezone,
    goals.primary_goal_id,
    goals.headline_goal_id,
    cast(coalesce(goals.goals_configured, 0) as bigint) as goals_configured,
    journeys.journey_id is null as is_inferred,
    journeys.created_at,
    journeys.launched_at,
    journeys.stopped_at
from named
left join {{ ref('stg_journeys') }} as journeys
    on named.account_key = journeys.account_key and named.journey_id = journeys.journey_id
left join goals
    on named.account_key = goals.account_key and named.journey_id = goals.journey_id
