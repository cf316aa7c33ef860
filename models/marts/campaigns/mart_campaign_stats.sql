with {{ message_measure_ctes(
    [('campaign_id', 'messages.campaign_id')],
    [['campaign_id']],
    'messages.campaign_id is not null'
) }},

converted_users as (
    select
        account_key,
        campaign_id,
        user_key,
        max(case when is_view_through then 1 else 0 end) as viewed,
        max(case when is_click_through then 1 else 0 end) as clicked
    from {{ ref('int_campaign_conversions') }}
    group by account_key, campaign_id, user_key
),

conversions as (
    select
        account_key,
        campaign_id,
        count(*) as influenced_users,
        sum(viewed) as view_through_users,
        sum(clicked) as click_through_users,
        sum(case when viewed = 1 and clicked = 0 then 1 else 0 end) as view_through_only_users
    from converted_users
    group by account_key, campaign_id
),

joined as (
    select
        campaigns.account_key,
        campaigns.campaign_id,
        campaigns.campaign_name,
        campaigns.channel,
        campaigns.journey_id,
        campaigns.node_id,
        campaigns.subject_or_title,
        {{ message_measures_or_zero('message_measures') }},
        coalesce(conversions.influenced_users, 0) as influenced_users,
        coalesce(conversions.view_through_users, 0) as view_through_users,
        coalesce(conversions.click_through_users, 0) as click_through_users,
        coalesce(conversions.view_through_only_users, 0) as view_through_only_users
    from {{ ref('dim_campaign') }} as campaigns
    left join message_measures
        on
            campaigns.account_key = message_measures.account_key
            and campaigns.campaign_id = message_measures.campaign_id
    left join conversions
        on campaigns.account_key = conversions.account_key and campaigns.campaign_id = conversions.campaign_id
)

select
    account_key,
    campaign_id,
    campaign_name,
    channel,
    journey_id,
    node_id,
    subject_or_title,
    {{ message_measure_columns() }},
    cast(influenced_users as bigint) as influenced_users,
    cast(influenced_users as bigint) as ct_converted_users,
    cast(view_through_users as bigint) as view_through_users,
    cast(click_through_users as bigint) as click_through_users,
    cast(view_through_only_users as bigint) as view_through_only_users,
    cast({{ pct('view_through_users', 'users_accepted') }} as double) as ct_view_through_pct,
    cast({{ pct('click_through_users', 'users_accepted') }} as double) as ct_click_through_pct
from joined
