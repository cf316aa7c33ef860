with campaigns as (
    select
        account_key,
        campaign_id,
        journey_id,
        users_accepted
    from {{ ref('mart_campaign_stats') }}
),

revenue as (
    select
        account_key,
        campaign_id,
        currency,
        sum(revenue_first) as revenue_first,
        sum(revenue_all) as revenue_all
    from {{ ref('mart_campaign_revenue_daily') }}
    group by account_key, campaign_id, currency
),

-- The group held back belongs to the journey: what its users spent on the headline goal, per control user.
control_revenue as (
    select
        account_key,
        journey_id,
        currency,
        sum(case when is_first_conversion then value else 0 end) as control_revenue_first,
        sum(value) as control_revenue_all
    from {{ ref('fct_conversions') }}
    where is_control and is_headline_goal and value is not null and currency is not null
    group by account_key, journey_id, currency
),

control_users as (
    select
        account_key,
        journey_id,
        control_users
    from {{ ref('mart_journey_overview') }}
    where journey_version_id = 'ALL' and period_id = 'all_time'
)

select
    revenue.account_key,
    revenue.campaign_id,
    revenue.currency,
    campaigns.journey_id,
    cast(revenue.revenue_first as decimal(38, 9)) as revenue_first,
    cast(revenue.revenue_all as decimal(38, 9)) as revenue_all,
    cast(campaigns.users_accepted as bigint) as users_accepted,
    cast({{ rate('revenue.revenue_first', 'campaigns.users_accepted') }} as double) as revenue_per_user,
    cast({{ rate('revenue.revenue_all', 'campaigns.users_accepted') }} as double) as revenue_all_per_user,
    cast(control_users.control_users as bigint) as control_users,
    cast(
        {{ rate('coalesce(control_revenue.control_revenue_first, 0)', 'control_users.control_users') }} as double
    ) as control_revenue_per_user,
    cast(
        {{ rate('coalesce(control_revenue.control_revenue_all, 0)', 'control_users.control_users') }} as double
    ) as control_revenue_all_per_user
from revenue
inner join campaigns
    on revenue.account_key = campaigns.account_key and revenue.campaign_id = campaigns.campaign_id
left join control_revenue
    on
        campaigns.account_key = control_revenue.account_key
        and campaigns.journey_id = control_revenue.journey_id
        and revenue.currency = control_revenue.currency
left join control_users
    on campaigns.account_key = control_users.account_key and campaigns.journey_id = control_users.journey_id
