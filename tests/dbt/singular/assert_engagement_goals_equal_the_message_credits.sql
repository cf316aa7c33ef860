-- The goal columns hold the users whom the message mart credits to the same step and campaign (A09, A21).
-- A returned row is a step, campaign and goal where the two marts differ.
with ordered_goals as (
    select
        account_key,
        journey_id,
        goal_id,
        row_number() over (
            partition by account_key, journey_id
            order by goal_index nulls last, goal_id
        ) as goal_order
    from {{ ref('dim_goal') }}
    where is_latest_version
)

select
    messages.account_key,
    messages.journey_id,
    messages.node_id,
    messages.campaign_id,
    messages.goal_id,
    messages.period_id,
    messages.date_basis,
    messages.pw_point_goal_users,
    ordered_goals.goal_order
from {{ ref('mart_message_stats') }} as messages
inner join ordered_goals
    on
        messages.account_key = ordered_goals.account_key
        and messages.journey_id = ordered_goals.journey_id
        and messages.goal_id = ordered_goals.goal_id
left join {{ ref('mart_engagement_stats') }} as engagement
    on
        messages.account_key = engagement.account_key
        and messages.journey_id = engagement.journey_id
        and messages.node_id = engagement.node_id
        and messages.campaign_id = engagement.campaign_id
        and messages.channel = engagement.channel
        and messages.period_id = engagement.period_id
        and messages.date_basis = engagement.date_basis
        and engagement.journey_version_id = 'ALL'
where
    ordered_goals.goal_order <= 3
    and messages.pw_point_goal_users <> coalesce(
        case ordered_goals.goal_order
            when 1 then engagement.ct_goal_1_users
            when 2 then engagement.ct_goal_2_users
            else engagement.ct_goal_3_users
        end,
        -1
    )
