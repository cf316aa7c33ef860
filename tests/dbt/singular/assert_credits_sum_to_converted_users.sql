-- Every attribution model hands out one credit per converted user, 'unattributed' included (R23).
-- A returned row is a goal and model whose credits do not add up.
with credits as (
    select
        account_key,
        journey_id,
        goal_id,
        attribution_model,
        sum(credit) as credit
    from {{ ref('mart_attribution') }}
    group by account_key, journey_id, goal_id, attribution_model
)

select
    credits.*,
    goals.converted_users
from credits
inner join {{ ref('mart_goal_stats') }} as goals
    on
        credits.account_key = goals.account_key
        and credits.journey_id = goals.journey_id
        and credits.goal_id = goals.goal_id
        and goals.journey_version_id = 'ALL'
        and goals.period_id = 'all_time'
        and goals.date_basis = 'event'
where abs(credits.credit - goals.converted_users) > 0.000001
