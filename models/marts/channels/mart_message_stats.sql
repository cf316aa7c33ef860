with {{ message_measure_ctes(
    [
        ('journey_id', "coalesce(messages.journey_id, 'none')"),
        ('node_id', "coalesce(messages.node_id, 'none')"),
        ('campaign_id', "coalesce(messages.campaign_id, 'none')"),
        ('channel', "coalesce(messages.channel, 'other')"),
    ],
    [['journey_id', 'node_id', 'campaign_id', 'channel']],
    by_period=true
) }},

periods as (
    {{ period_bases(['event', 'send_cohort']) }}
),

goals as (
    select
        account_key,
        journey_id,
        goal_id,
        goal_name
    from {{ ref('dim_goal') }}
    where is_latest_version
),

credited as (
    select
        credits.account_key,
        periods.period_id,
        periods.date_basis,
        credits.journey_id,
        credits.node_id,
        coalesce(credits.campaign_id, 'none') as campaign_id,
        coalesce(credits.channel, 'other') as channel,
        credits.goal_id,
        count(
            distinct case when credits.attribution_model = 'last_opened_else_sent' then credits.user_key end
        ) as pw_point_goal_users,
        count(distinct case when credits.attribution_model = 'linear_sent' then credits.user_key end)
            as influenced_goal_users
    from {{ ref('fct_attribution_credit') }} as credits
    inner join periods
        on
            credits.account_key = periods.account_key
            and {{ falls_in('periods', 'credits.conversion_date', 'credits.message_date') }}
    where
        credits.attribution_model in ('last_opened_else_sent', 'linear_sent')
        and credits.message_id <> 'unattributed'
    group by
        credits.account_key, periods.period_id, periods.date_basis, credits.journey_id, credits.node_id,
        coalesce(credits.campaign_id, 'none'), coalesce(credits.channel, 'other'), credits.goal_id
),

groups as (
    select
        message_groups.account_key,
        message_groups.journey_id_group as journey_id,
        message_groups.node_id_group as node_id,
        message_groups.campaign_id_group as campaign_id,
        message_groups.channel_group as channel,
        periods.period_id,
        periods.period_from,
        periods.period_to,
        periods.date_basis
    from message_groups
    inner join periods
        on message_groups.account_key = periods.account_key
),

joined as (
    select
        groups.*,
        {{ message_measures_or_zero('message_measures') }},
        coalesce(goals.goal_id, 'none') as goal_id,
        goals.goal_name,
        coalesce(nodes.node_name, groups.node_id) as node_name,
        coalesce(campaigns.campaign_name, groups.campaign_id) as campaign_name,
        case when goals.goal_id is not null then coalesce(credited.pw_point_goal_users, 0) end as pw_point_goal_users,
        case when goals.goal_id is not null then coalesce(credited.influenced_goal_users, 0) end
            as influenced_goal_users
    from groups
    left join goals
        on groups.account_key = goals.account_key and groups.journey_id = goals.journey_id
    left join {{ ref('int_nodes_any_version') }} as nodes
        on
            groups.account_key = nodes.account_key
            and groups.journey_id = nodes.journey_id
            and groups.node_id = nodes.node_id
    left join {{ ref('dim_campaign') }} as campaigns
        on groups.account_key = campaigns.account_key and groups.campaign_id = campaigns.campaign_id
    {% for relation in ['message_measures', 'credited'] -%}
    left join {{ relation }}
        on
            groups.account_key = {{ relation }}.account_key
            and groups.period_id = {{ relation }}.period_id
            and groups.date_basis = {{ relation }}.date_basis
            and groups.journey_id = {{ relation }}.journey_id
            and groups.node_id = {{ relation }}.node_id
            and groups.campaign_id = {{ relation }}.campaign_id
            and groups.channel = {{ relation }}.channel
            {{ 'and goals.goal_id = credited.goal_id' if relation == 'credited' }}
    {% endfor %}
)

select
    account_key,
    journey_id,
    node_id,
    campaign_id,
    channel,
    goal_id,
    period_id,
    period_from,
    period_to,
    date_basis,
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
