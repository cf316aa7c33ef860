-- A funnel starts with the users of accepted messages, never widens, and ends with no more users than have
-- the same steps in any order (A15, A18). A returned row is a step where this fails.
with steps as (
    select
        *,
        lag(step_users) over (
            partition by account_key, campaign_id, funnel_kind
            order by step_order
        ) as previous_step_users
    from {{ ref('mart_campaign_funnel') }}
)

select
    steps.*,
    campaigns.users_accepted,
    campaigns.view_through_users,
    campaigns.click_through_users
from steps
inner join {{ ref('mart_campaign_stats') }} as campaigns
    on steps.account_key = campaigns.account_key and steps.campaign_id = campaigns.campaign_id
where
    steps.step_users > coalesce(steps.previous_step_users, steps.step_users)
    or (steps.step_order = 1 and steps.step_users <> campaigns.users_accepted)
    or (
        steps.funnel_kind = 'users' and steps.step_order = 4
        and steps.step_users > campaigns.click_through_users
    )
    or (
        steps.funnel_kind = 'influenced' and steps.step_order = 3
        and steps.step_users > campaigns.view_through_users
    )
