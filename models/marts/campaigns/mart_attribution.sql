select
    account_key,
    journey_id,
    goal_id,
    attribution_model,
    node_id,
    is_headline_goal,
    cast(sum(credit) as double) as credit,
    cast(count(distinct user_key) as bigint) as credited_users
from {{ ref('fct_attribution_credit') }}
group by account_key, journey_id, goal_id, attribution_model, node_id, is_headline_goal
