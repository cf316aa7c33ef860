-- ALL rows of journeys, steps, channels, goals, issues, variants and platforms are counted again from the facts.
-- A returned row names the mart, the measure and the two numbers.
with visits as (
    select
        account_key,
        journey_id,
        node_id,
        count(*) as entry_count,
        count(distinct user_key) as entry_users
    from {{ ref('fct_node_visits') }}
    where not is_control
    group by account_key, journey_id, node_id
),

step_messages as (
    select
        account_key,
        journey_id,
        node_id,
        count(distinct case when is_accepted then user_key end) as users_accepted,
        count(distinct case when issue_kind is not null then user_key end) as delivery_issue_users
    from {{ ref('fct_messages') }}
    where not is_control and journey_id is not null and node_id is not null
    group by account_key, journey_id, node_id
),

goal_users as (
    select
        account_key,
        journey_id,
        goal_id,
        count(distinct user_key) as converted_users
    from {{ ref('fct_conversions') }}
    where not is_control
    group by account_key, journey_id, goal_id
),

issues as (
    select
        account_key,
        coalesce(reason_code, 'unknown') as reason_code,
        issue_class,
        count(distinct user_key) as delivery_issue_users
    from {{ ref('fct_messages') }}
    where not is_control and issue_kind is not null
    group by account_key, coalesce(reason_code, 'unknown'), issue_class
),

variants as (
    select
        account_key,
        variant_id,
        count(distinct case when is_accepted then user_key end) as users_accepted
    from {{ ref('fct_messages') }}
    where not is_control and variant_id is not null
    group by account_key, variant_id
),

campaigns as (
    select
        account_key,
        campaign_id,
        count(distinct case when is_accepted then user_key end) as users_accepted
    from {{ ref('fct_messages') }}
    where not is_control and campaign_id is not null
    group by account_key, campaign_id
),

channel_users as (
    select
        account_key,
        coalesce(channel, 'other') as channel,
        count(distinct case when is_accepted then user_key end) as users_accepted,
        count(distinct case when issue_kind is not null then user_key end) as delivery_issue_users
    from {{ ref('fct_messages') }}
    where not is_control
    group by account_key, coalesce(channel, 'other')
),

engagements as (
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        coalesce(node_id, 'none') as node_id,
        coalesce(campaign_id, 'none') as campaign_id,
        coalesce(channel, 'other') as channel,
        count(case when is_accepted then 1 end) as ct_sent,
        count(case when is_delivered then 1 end) as ct_delivered,
        count(case when clicks_total > 0 then 1 end) as ct_clicks
    from {{ ref('fct_messages') }}
    where not is_control
    group by
        account_key, coalesce(journey_id, 'none'), coalesce(node_id, 'none'), coalesce(campaign_id, 'none'),
        coalesce(channel, 'other')
),

entries as (
    select
        account_key,
        journey_id,
        count(distinct case when effective_exit_at is null then user_key end) as users_in_journey_now,
        count(effective_exit_at) as total_exits_any,
        count(case when effective_exit_at is not null and not is_converted then 1 end) as nm_total_exits
    from {{ ref('fct_journey_entries') }}
    where not is_control
    group by account_key, journey_id
),

steps as (
    select *
    from {{ ref('mart_step_stats') }}
    where journey_version_id = 'ALL' and platform = 'ALL'
),

compared as (
    {% for fact, measure in [
        ('visits', 'entry_count'), ('visits', 'entry_users'), ('step_messages', 'users_accepted'),
        ('step_messages', 'delivery_issue_users'),
    ] -%}
    select
        'mart_step_stats {{ measure }}' as measure,
        steps.account_key,
        steps.journey_id || ' ' || steps.node_id as row_key,
        steps.{{ measure }} as mart_value,
        coalesce({{ fact }}.{{ measure }}, 0) as fact_value
    from steps
    left join {{ fact }}
        on
            steps.account_key = {{ fact }}.account_key
            and steps.journey_id = {{ fact }}.journey_id
            and steps.node_id = {{ fact }}.node_id
    union all
    {% endfor -%}
    {% for measure in ['users_accepted', 'delivery_issue_users'] -%}
    select
        'mart_channel_stats {{ measure }}' as measure,
        channels.account_key,
        channels.channel as row_key,
        channels.{{ measure }} as mart_value,
        coalesce(channel_users.{{ measure }}, 0) as fact_value
    from {{ ref('mart_channel_stats') }} as channels
    left join channel_users
        on channels.account_key = channel_users.account_key and channels.channel = channel_users.channel
    where
        channels.journey_id = 'ALL' and channels.channel <> 'ALL' and channels.platform = 'ALL'
        and channels.period_id = 'all_time' and channels.date_basis = 'event'
    union all
    {% endfor -%}
    {% for measure in ['ct_sent', 'ct_delivered', 'ct_clicks'] -%}
    select
        'mart_engagement_stats {{ measure }}' as measure,
        stats.account_key,
        stats.journey_id || ' ' || stats.node_id || ' ' || stats.campaign_id as row_key,
        stats.{{ measure }} as mart_value,
        coalesce(engagements.{{ measure }}, 0) as fact_value
    from {{ ref('mart_engagement_stats') }} as stats
    left join engagements
        on
            stats.account_key = engagements.account_key
            and stats.journey_id = engagements.journey_id
            and stats.node_id = engagements.node_id
            and stats.campaign_id = engagements.campaign_id
            and stats.channel = engagements.channel
    where stats.journey_version_id = 'ALL' and stats.period_id = 'all_time' and stats.date_basis = 'event'
    union all
    {% endfor -%}
    {% for measure in ['users_in_journey_now', 'total_exits_any', 'nm_total_exits'] -%}
    select
        'mart_journey_overview {{ measure }}' as measure,
        overview.account_key,
        overview.journey_id as row_key,
        overview.{{ measure }} as mart_value,
        coalesce(entries.{{ measure }}, 0) as fact_value
    from {{ ref('mart_journey_overview') }} as overview
    left join entries
        on overview.account_key = entries.account_key and overview.journey_id = entries.journey_id
    where overview.journey_version_id = 'ALL' and overview.period_id = 'all_time'
    union all
    {% endfor -%}
    select
        'mart_goal_stats converted_users' as measure,
        goals.account_key,
        goals.journey_id || ' ' || goals.goal_id as row_key,
        goals.converted_users as mart_value,
        coalesce(goal_users.converted_users, 0) as fact_value
    from {{ ref('mart_goal_stats') }} as goals
    left join goal_users
        on
            goals.account_key = goal_users.account_key
            and goals.journey_id = goal_users.journey_id
            and goals.goal_id = goal_users.goal_id
    where goals.journey_version_id = 'ALL' and goals.period_id = 'all_time' and goals.date_basis = 'event'
    union all
    select
        'mart_delivery_issues delivery_issue_users' as measure,
        reasons.account_key,
        reasons.reason_code as row_key,
        reasons.delivery_issue_users as mart_value,
        coalesce(issues.delivery_issue_users, 0) as fact_value
    from {{ ref('mart_delivery_issues') }} as reasons
    left join issues
        on
            reasons.account_key = issues.account_key
            and reasons.reason_code = issues.reason_code
            and reasons.issue_class = issues.issue_class
    where
        reasons.journey_id = 'ALL' and reasons.channel = 'ALL' and reasons.node_id = 'ALL'
        and reasons.period_id = 'all_time'
    union all
    select
        'mart_campaign_variant_stats users_accepted' as measure,
        stats.account_key,
        stats.variant_id as row_key,
        stats.users_accepted as mart_value,
        coalesce(variants.users_accepted, 0) as fact_value
    from {{ ref('mart_campaign_variant_stats') }} as stats
    left join variants
        on stats.account_key = variants.account_key and stats.variant_id = variants.variant_id
    where stats.campaign_id = 'ALL'
    union all
    select
        'mart_campaign_platform users_accepted' as measure,
        platforms.account_key,
        platforms.campaign_id as row_key,
        platforms.users_accepted as mart_value,
        coalesce(campaigns.users_accepted, 0) as fact_value
    from {{ ref('mart_campaign_platform') }} as platforms
    left join campaigns
        on platforms.account_key = campaigns.account_key and platforms.campaign_id = campaigns.campaign_id
    where platforms.platform = 'ALL'
)

select *
from compared
where mart_value <> fact_value
