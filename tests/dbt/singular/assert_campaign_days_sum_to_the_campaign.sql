-- Each user counts on one day per measure, so the days of a campaign add up to it.
-- A returned row is a campaign where they do not.
with days as (
    select
        account_key,
        campaign_id,
        sum(users_first_accepted) as users_accepted,
        sum(ct_converted_users) as converted_users,
        sum(view_through_users) as view_through_users,
        sum(click_through_users) as click_through_users,
        max(cumulative_converted_users) as last_converted_users
    from {{ ref('mart_campaign_conversion_daily') }}
    group by account_key, campaign_id
)

select
    days.*,
    campaigns.influenced_users
from {{ ref('mart_campaign_stats') }} as campaigns
left join days
    on campaigns.account_key = days.account_key and campaigns.campaign_id = days.campaign_id
where
    coalesce(days.users_accepted, 0) <> campaigns.users_accepted
    or coalesce(days.converted_users, 0) <> campaigns.influenced_users
    or coalesce(days.last_converted_users, 0) <> campaigns.influenced_users
    or coalesce(days.view_through_users, 0) <> campaigns.view_through_users
    or coalesce(days.click_through_users, 0) <> campaigns.click_through_users
