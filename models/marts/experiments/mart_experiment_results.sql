with arms as (
    select
        account_key,
        journey_id,
        goal_id,
        goal_name,
        is_headline_goal,
        unique_entry_users as target_users,
        converted_users as target_converted,
        control_users,
        control_converted_users as control_converted
    from {{ ref('mart_goal_stats') }}
    where
        journey_version_id = 'ALL' and period_id = 'all_time' and date_basis = 'event'
        and control_users > 0
),

tested as (
    {{ two_proportion_test('arms', ['account_key', 'journey_id', 'goal_id']) | indent(4) }}
)

select
    arms.account_key,
    arms.journey_id,
    arms.goal_id,
    arms.goal_name,
    arms.is_headline_goal,
    cast(arms.target_users as bigint) as target_users,
    cast(arms.target_converted as bigint) as target_converted,
    cast(arms.control_users as bigint) as control_users,
    cast(arms.control_converted as bigint) as control_converted,
    cast(tested.p_target as double) as target_conversion_rate,
    cast(tested.p_control as double) as control_conversion_rate,
    cast(tested.uplift_abs as double) as uplift_abs,
    cast(tested.uplift_rel as double) as uplift_rel,
    cast(tested.z as double) as z_score,
    cast(tested.p_value_two_sided as double) as p_value_two_sided,
    cast(tested.wald_low as double) as wald_low,
    cast(tested.wald_high as double) as wald_high,
    cast(tested.newcombe_low as double) as newcombe_low,
    cast(tested.newcombe_high as double) as newcombe_high,
    cast(tested.incremental_conversions as double) as incremental_conversions
from arms
inner join tested
    on
        arms.account_key = tested.account_key
        and arms.journey_id = tested.journey_id
        and arms.goal_id = tested.goal_id
