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

amplified as (
    select
        account_key,
        campaign_id,
        count(*) as amplification_messages
    from {{ ref('fct_messages') }}
    where is_reached_by_amplification_only and not is_control and campaign_id is not null
    group by account_key, campaign_id
),

-- Who qualified and who was held back is known per journey: a campaign shows the users of its own (A14).
audiences as (
    select
        account_key,
        journey_id,
        qualified_users,
        control_users
    from {{ ref('mart_journey_overview') }}
    where journey_version_id = 'ALL' and period_id = 'all_time'
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
        coalesce(amplified.amplification_messages, 0) as amplification_messages,
        audiences.qualified_users,
        audiences.control_users,
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
    left join amplified
        on campaigns.account_key = amplified.account_key and campaigns.campaign_id = amplified.campaign_id
    left join audiences
        on campaigns.account_key = audiences.account_key and campaigns.journey_id = audiences.journey_id
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
    cast(view_through_users as bigint) as ct_view_through_users,
    cast(click_through_users as bigint) as ct_click_through_users,
    cast({{ pct('view_through_users', 'users_accepted') }} as double) as ct_view_through_pct,
    cast({{ pct('click_through_users', 'users_accepted') }} as double) as ct_click_through_pct,
    cast(qualified_users as bigint) as ct_qualified_users,
    cast(control_users as bigint) as ct_control_users,
    cast(amplification_messages as bigint) as ct_amplification_uplift_messages,
    cast({{ pct('amplification_messages', 'messages_accepted') }} as double) as ct_amplification_uplift_pct
from joined
