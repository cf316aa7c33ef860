-- Every goal with control users has its test, with the uplift of the goal mart and inside both intervals.
-- A returned row is a goal where this fails.
select
    goals.account_key,
    goals.journey_id,
    goals.goal_id,
    goals.uplift_abs,
    results.uplift_abs as tested_uplift,
    results.p_value_two_sided
from {{ ref('mart_goal_stats') }} as goals
left join {{ ref('mart_experiment_results') }} as results
    on
        goals.account_key = results.account_key
        and goals.journey_id = results.journey_id
        and goals.goal_id = results.goal_id
where
    goals.journey_version_id = 'ALL'
    and goals.period_id = 'all_time'
    and goals.date_basis = 'event'
    and goals.control_users > 0
    and (
        results.goal_id is null
        or (
            goals.converted_users <= goals.unique_entry_users
            and goals.control_converted_users <= goals.control_users
            and abs(coalesce(results.uplift_abs, 2) - coalesce(goals.uplift_abs, 2)) > 0.000001
        )
        or results.uplift_abs < results.wald_low or results.uplift_abs > results.wald_high
        or results.uplift_abs < results.newcombe_low or results.uplift_abs > results.newcombe_high
        or results.p_value_two_sided < 0 or results.p_value_two_sided > 1.000001
    )
