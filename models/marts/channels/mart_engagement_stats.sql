{% set rule_measures = [
    'messages_attempted', 'messages_accepted', 'messages_delivered', 'messages_impressed', 'messages_opened',
    'messages_clicked', 'messages_read', 'messages_replied'
] %}
{% set period_keys = ['period_id', 'date_basis'] %}
{% set keys = ['account_key', 'journey_id', 'journey_version_id', 'node_id', 'campaign_id', 'channel'] %}
with {{ message_measure_ctes(
    [
        ('journey_id', "coalesce(messages.journey_id, 'none')"),
        ('journey_version_id', 'messages.journey_version_id'),
        ('node_id', "coalesce(messages.node_id, 'none')"),
        ('campaign_id', "coalesce(messages.campaign_id, 'none')"),
        ('channel', "coalesce(messages.channel, 'other')"),
    ],
    [
        ['journey_id', 'node_id', 'campaign_id', 'channel'],
        ['journey_id', 'journey_version_id', 'node_id', 'campaign_id', 'channel'],
    ],
    by_period=true,
    users=false
) }},

periods as (
    {{ period_bases(['event', 'send_cohort']) }}
),

reported as (
    select
        messages.account_key,
        periods.period_id,
        periods.date_basis,
        coalesce(messages.journey_id, 'none') as journey_id,
        messages.journey_version_id,
        coalesce(messages.node_id, 'none') as node_id,
        coalesce(messages.campaign_id, 'none') as campaign_id,
        coalesce(messages.channel, 'other') as channel,
        count(case when events.event_type = 'streamed' then 1 end) as streamed_events,
        count(case when events.event_type <> 'streamed' then 1 end) as channel_unsubscribed_events
    from {{ ref('fct_messages') }} as messages
    inner join {{ ref('fct_message_events') }} as events
        on messages.account_key = events.account_key and messages.message_id = events.message_id
    inner join periods
        on
            messages.account_key = periods.account_key
            and {{ falls_in('periods', 'events.event_date', 'messages.message_date') }}
    where
        events.event_type in ('streamed', 'unsubscribed', 'complained', 'bounced')
        and not messages.is_control
    group by
        messages.account_key, periods.period_id, periods.date_basis, coalesce(messages.journey_id, 'none'),
        messages.journey_version_id, coalesce(messages.node_id, 'none'), coalesce(messages.campaign_id, 'none'),
        coalesce(messages.channel, 'other')
),

streaming_accounts as (
    select account_key
    from {{ ref('int_channel_tracking') }}
    group by account_key
    having max(case when tracks_streamed_events then 1 else 0 end) = 1
),

ordered_goals as (
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
),

goal_counts as (
    select
        account_key,
        journey_id,
        count(*) as goals_total
    from ordered_goals
    group by account_key, journey_id
),

-- Converted users and credited users by the version, step and campaign of their message.
message_conversions as (
    select
        messages.account_key,
        coalesce(messages.journey_id, 'none') as journey_id,
        messages.journey_version_id,
        coalesce(messages.node_id, 'none') as node_id,
        coalesce(messages.campaign_id, 'none') as campaign_id,
        coalesce(messages.channel, 'other') as channel,
        converted.user_key,
        0 as goal_order,
        converted.conversion_date,
        messages.message_date
    from {{ ref('int_campaign_conversions') }} as converted
    inner join {{ ref('fct_messages') }} as messages
        on converted.account_key = messages.account_key and converted.message_id = messages.message_id
    union all
    select
        messages.account_key,
        coalesce(messages.journey_id, 'none') as journey_id,
        messages.journey_version_id,
        coalesce(messages.node_id, 'none') as node_id,
        coalesce(messages.campaign_id, 'none') as campaign_id,
        coalesce(messages.channel, 'other') as channel,
        credits.user_key,
        ordered_goals.goal_order,
        credits.conversion_date,
        messages.message_date
    from {{ ref('fct_attribution_credit') }} as credits
    inner join ordered_goals
        on
            credits.account_key = ordered_goals.account_key
            and credits.journey_id = ordered_goals.journey_id
            and credits.goal_id = ordered_goals.goal_id
    inner join {{ ref('fct_messages') }} as messages
        on credits.account_key = messages.account_key and credits.message_id = messages.message_id
    where credits.attribution_model = 'last_opened_else_sent'
),

period_conversions as (
    select
        message_conversions.*,
        periods.period_id,
        periods.date_basis
    from message_conversions
    inner join periods
        on
            message_conversions.account_key = periods.account_key
            and {{ falls_in('periods', 'message_conversions.conversion_date', 'message_conversions.message_date') }}
),

-- The goal is a key here and a column below: one distinct count instead of four.
goal_users as (
    select
        account_key,
        period_id,
        date_basis,
        journey_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        node_id,
        campaign_id,
        channel,
        goal_order,
        count(distinct user_key) as users
    from period_conversions
    group by {{ grouping_sets([
        ['account_key', 'period_id', 'date_basis', 'journey_id', 'node_id', 'campaign_id', 'channel', 'goal_order'],
        [
            'account_key', 'period_id', 'date_basis', 'journey_id', 'journey_version_id', 'node_id', 'campaign_id',
            'channel', 'goal_order',
        ],
    ]) }}
),

conversions as (
    select
        account_key,
        period_id,
        date_basis,
        journey_id,
        version_group,
        node_id,
        campaign_id,
        channel,
        sum(case when goal_order = 0 then users else 0 end) as ct_converted_users,
        sum(case when goal_order = 1 then users else 0 end) as ct_goal_1_users,
        sum(case when goal_order = 2 then users else 0 end) as ct_goal_2_users,
        sum(case when goal_order = 3 then users else 0 end) as ct_goal_3_users
    from goal_users
    group by account_key, period_id, date_basis, journey_id, version_group, node_id, campaign_id, channel
),

reported_groups as (
    select
        account_key,
        period_id,
        date_basis,
        journey_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        node_id,
        campaign_id,
        channel,
        sum(streamed_events) as streamed_events,
        sum(channel_unsubscribed_events) as channel_unsubscribed_events
    from reported
    group by {{ grouping_sets([
        ['account_key', 'period_id', 'date_basis', 'journey_id', 'node_id', 'campaign_id', 'channel'],
        [
            'account_key', 'period_id', 'date_basis', 'journey_id', 'journey_version_id', 'node_id', 'campaign_id',
            'channel',
        ],
    ]) }}
),

-- A configured messaging step without a message still has its row.
configured as (
    select
        account_key,
        journey_id,
        journey_version_id,
        node_id,
        coalesce(campaign_id, 'none') as campaign_id,
        channel
    from {{ ref('dim_node') }}
    where channel is not null
    union
    select
        account_key,
        journey_id,
        'ALL' as journey_version_id,
        node_id,
        coalesce(campaign_id, 'none') as campaign_id,
        channel
    from {{ ref('dim_node') }}
    where channel is not null
),

sending as (
    select distinct
        account_key,
        journey_id_group as journey_id,
        journey_version_id_group as journey_version_id,
        node_id_group as node_id
    from message_groups
),

all_groups as (
    select
        {% for key in keys %}{{ key if key == 'account_key' else key ~ '_group as ' ~ key }}{{ ',' if not loop.last }}
        {% endfor %}
    from message_groups
    union all
    select
        {% for key in keys %}configured.{{ key }}{{ ',' if not loop.last }}
        {% endfor %}
    from configured
    left join sending
        on
            configured.account_key = sending.account_key
            and configured.journey_id = sending.journey_id
            and configured.journey_version_id = sending.journey_version_id
            and configured.node_id = sending.node_id
    where sending.node_id is null
),

groups as (
    select
        all_groups.*,
        periods.period_id,
        periods.period_from,
        periods.period_to,
        periods.date_basis
    from all_groups
    inner join periods
        on all_groups.account_key = periods.account_key
),

joined as (
    select
        groups.*,
        coalesce(nodes.node_name, any_version.node_name, groups.node_id) as node_name,
        coalesce(campaigns.campaign_name, groups.campaign_id) as campaign_name,
        rules.engagement_rule_id,
        rules.numerator,
        rules.denominator,
        rules.needs_tracking,
        coalesce(tracking.tracks_messages_impressed, false) as impression_tracking_available,
        case rules.numerator
            {% for name in rule_measures -%}
            when '{{ name }}' then coalesce(tracking.tracks_{{ name }}, false)
            {% endfor %}
        end as is_numerator_tracked,
        {{ message_measures_or_zero('message_measures', users=false) }},
        case when groups.campaign_id <> 'none' then coalesce(conversions.ct_converted_users, 0) end
            as ct_converted_users,
        {% for order in [1, 2, 3] %}case
            when goal_counts.goals_total >= {{ order }}
                then coalesce(conversions.ct_goal_{{ order }}_users, 0)
        end as ct_goal_{{ order }}_users,
        {% endfor -%}
        case
            when streaming_accounts.account_key is not null then coalesce(reported_groups.streamed_events, 0)
        end as streamed_events,
        coalesce(reported_groups.channel_unsubscribed_events, 0) as channel_unsubscribed_events
    from groups
    left join message_measures
        on
            groups.account_key = message_measures.account_key
            {% for key in keys[1:] + period_keys %}and groups.{{ key }} = message_measures.{{ key }}
            {% endfor %}
    left join {{ ref('engagement_rules') }} as rules
        on groups.channel = rules.channel
    left join {{ ref('int_channel_tracking') }} as tracking
        on groups.account_key = tracking.account_key and groups.channel = tracking.channel
    {% for relation in ['conversions', 'reported_groups'] %}
    left join {{ relation }}
        on
            groups.account_key = {{ relation }}.account_key
            {% for key in period_keys %}and groups.{{ key }} = {{ relation }}.{{ key }}
            {% endfor -%}
            and groups.journey_id = {{ relation }}.journey_id
            and groups.journey_version_id = {{ relation }}.version_group
            and groups.node_id = {{ relation }}.node_id
            and groups.campaign_id = {{ relation }}.campaign_id
            and groups.channel = {{ relation }}.channel
    {% endfor %}
    left join streaming_accounts
        on groups.account_key = streaming_accounts.account_key
    left join goal_counts
        on groups.account_key = goal_counts.account_key and groups.journey_id = goal_counts.journey_id
    left join {{ ref('dim_node') }} as nodes
        on
            groups.account_key = nodes.account_key
            and groups.journey_id = nodes.journey_id
            and groups.journey_version_id = nodes.journey_version_id
            and groups.node_id = nodes.node_id
    left join {{ ref('int_nodes_any_version') }} as any_version
        on
            groups.account_key = any_version.account_key
            and groups.journey_id = any_version.journey_id
            and groups.node_id = any_version.node_id
    left join {{ ref('dim_campaign') }} as campaigns
        on groups.account_key = campaigns.account_key and groups.campaign_id = campaigns.campaign_id
),

judged as (
    select
        *,
        case when not needs_tracking or is_numerator_tracked then
            case numerator
                {% for name in rule_measures %}when '{{ name }}' then {{ name }}
                {% endfor %}
            end
        end as ct_engagement_count,
        case denominator
            {% for name in rule_measures %}when '{{ name }}' then {{ name }}
            {% endfor %}
        end as engagement_base,
        case when impression_tracking_available then messages_impressed end as ct_impressions,
        case
            when channel = 'email' then messages_opened
            when channel = 'whatsapp' then messages_read
            when channel in ('push', 'web_push', 'in_app', 'app_inbox', 'content_card', 'banner')
                and impression_tracking_available
                then messages_impressed
        end as ct_viewed
    from joined
)

select
    account_key,
    journey_id,
    journey_version_id,
    node_id,
    campaign_id,
    channel,
    period_id,
    period_from,
    period_to,
    date_basis,
    node_name,
    campaign_name,
    engagement_rule_id,
    cast(ct_engagement_count as bigint) as ct_engagement_count,
    cast(engagement_base as bigint) as engagement_base,
    cast({{ pct('ct_engagement_count', 'engagement_base') }} as double) as ct_engagement_rate_pct,
    messages_accepted > 0 as has_campaign_report,
    cast(messages_accepted as bigint) as ct_sent,
    impression_tracking_available,
    cast(ct_impressions as bigint) as ct_impressions,
    cast(messages_delivered as bigint) as ct_delivered,
    cast(messages_clicked as bigint) as ct_clicks,
    cast(clicks_total as bigint) as ct_clicks_total,
    cast(ct_viewed as bigint) as ct_viewed,
    channel = 'push' as is_viewed_from_impressions,
    cast({{ pct('ct_impressions', 'messages_accepted') }} as double) as ct_impressions_pct,
    cast({{ pct('messages_clicked', 'messages_accepted') }} as double) as ct_clicks_pct,
    cast({{ pct('messages_clicked', 'ct_impressions') }} as double) as ct_ctr_pct,
    cast(messages_replied as bigint) as ct_replied,
    cast(case when channel <> 'webhook' then streamed_events end as bigint) as ct_events_streamed,
    cast(case when channel = 'webhook' then messages_accepted end as bigint) as ct_webhooks_streamed,
    cast(case when channel = 'webhook' then send_attempt_events end as bigint) as webhooks_attempted_total,
    cast(channel_unsubscribed_events as bigint) as ct_channel_unsubscribed_total,
    cast(ct_converted_users as bigint) as ct_converted_users,
    cast(ct_goal_1_users as bigint) as ct_goal_1_users,
    cast(ct_goal_2_users as bigint) as ct_goal_2_users,
    cast(ct_goal_3_users as bigint) as ct_goal_3_users
from judged
