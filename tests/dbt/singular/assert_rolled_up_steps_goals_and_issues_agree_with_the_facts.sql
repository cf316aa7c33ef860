-- ALL rows of steps, goals, delivery issues, variants and platforms are counted again from the facts, by distinct users.
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
