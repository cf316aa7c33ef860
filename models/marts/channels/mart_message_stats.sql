with {{ message_measure_ctes(
    [
        ('journey_id', "coalesce(messages.journey_id, 'none')"),
        ('node_id', "coalesce(messages.node_id, 'none')"),
        ('campaign_id', "coalesce(messages.campaign_id, 'none')"),
        ('channel', "coalesce(messages.channel, 'other')"),
    ],
    [['journey_id', 'node_id', 'campaign_id', 'channel']]
) }},

goals as (
    select
        account_key,
        journey_id,
        goal_id,
        goal_name
    from {{ ref('dim_goal') }}
    where is_latest_version
),

credits as (
    select
        account_key,
        journey_id,
        node_id,
        coalesce(campaign_id, 'none') as campaign_id,
        coalesce(channel, 'other') as channel,
        goal_id,
        count(distinct user_key) as pw_point_goal_users
    from {{ ref('fct_attribution_credit') }}
    where attribution_model = 'last_opened_else_sent' and message_id <> 'unattributed'
    group by account_key, journey_id, node_id, coalesce(campaign_id, 'none'), coalesce(channel, 'other'), goal_id
),

touched as (
    select
        account_key,
        journey_id,
        node_id,
        coalesce(campaign_id, 'none') as campaign_id,
        coalesce(channel, 'other') as channel,
        goal_id,
        count(distinct user_key) as influenced_goal_users
    from {{ ref('fct_attribution_credit') }}
    where attribution_model = 'linear_sent' and message_id <> 'unattributed'
    group by account_key, journey_id, node_id, coalesce(campaign_id, 'none'), coalesce(channel, 'other'), goal_id
),

joined as (
    select
        message_measures.*,
        coalesce(goals.goal_id, 'none') as goal_id,
        goals.goal_name,
        coalesce(nodes.node_name, message_measures.node_id) as node_name,
        coalesce(campaigns.campaign_name, message_measures.campaign_id) as campaign_name,
        case when goals.goal_id is not null then coalesce(credits.pw_point_goal_users, 0) end as pw_point_goal_users,
        case when goals.goal_id is not null then coalesce(touched.influenced_goal_users, 0) end
            as influenced_goal_users
    from message_measures
    left join goals
        on message_measures.account_key = goals.account_key and message_measures.journey_id = goals.journey_id
    left join {{ ref('int_nodes_any_version') }} as nodes
        on
            message_measures.account_key = nodes.account_key
            and message_measures.journey_id = nodes.journey_id
            and message_measures.node_id = nodes.node_id
    left join {{ ref('dim_campaign') }} as campaigns
        on
            message_measures.account_key = campaigns.account_key
            and message_measures.campaign_id = campaigns.campaign_id
    {% for relation in ['credits', 'touched'] %}
    left join {{ relation }}
        on
            message_measures.account_key = {{ relation }}.account_key
            and message_measures.journey_id = {{ relation }}.journey_id
            and message_measures.node_id = {{ relation }}.node_id
            and message_measures.campaign_id = {{ relation }}.campaign_id
            and message_measures.channel = {{ relation }}.channel
            and goals.goal_id = {{ relation }}.goal_id
    {% endfor %}
)

select
    account_key,
    journey_id,
    node_id,
    campaign_id,
    channel,
    goal_id,
    goal_name,
    node_name,
    campaign_name,
    {{ message_measure_columns() }},
    cast(messages_attempted as bigint) as pw_point_sent,
    cast(users_opened as bigint) as pw_point_opened_users,
    cast(case when channel <> 'push' then users_clicked end as bigint) as pw_point_clicked_users,
    cast(pw_point_goal_users as bigint) as pw_point_goal_users,
    cast({{ rate('pw_point_goal_users', 'users_accepted') }} as double) as pw_point_goal_rate,
    cast(influenced_goal_users as bigint) as influenced_goal_users
from joined
