-- The marts in the shape of a vendor's page hold the numbers of the neutral marts.
-- A returned row names the figure, its key, and the two numbers.
{% set channel_figures = [
    ('pw_push_sent', 'push', 'messages_attempted'), ('pw_push_recipients', 'push', 'messages_accepted'),
    ('pw_inapp_impressions', 'in_app', 'impressions_total'), ('pw_email_delivered', 'email', 'messages_delivered'),
    ('pw_email_clicked', 'email', 'users_clicked'), ('pw_sms_sent', 'sms', 'messages_attempted'),
    ('pw_whatsapp_read', 'whatsapp', 'messages_read'), ('pw_email_delivery_issues', 'email', 'delivery_issue_messages')
] %}
{% set step_figures = [
    ('nm_push_sent_count', 'push', 'messages_accepted'), ('nm_push_failed_count', 'push', 'messages_failed'),
    ('nm_email_shown_count', 'email', 'opens_total'), ('nm_sms_sent_count', 'sms', 'messages_accepted'),
    ('nm_android_sent_count + nm_ios_sent_count + nm_other_platform_sent_count', 'push', 'messages_accepted'),
    ('nm_android_clicked_count + nm_ios_clicked_count + nm_other_platform_clicked_count', 'push', 'clicks_total')
] %}
with days as (
    select
        account_key,
        journey_id,
        goal_id,
        sum(goal_first_conversions) as goal_first_conversions
    from {{ ref('mart_goal_daily') }}
    group by account_key, journey_id, goal_id
),

errors as (
    select
        account_key,
        campaign_id,
        sum(ct_errors) as ct_errors
    from {{ ref('mart_campaign_errors') }}
    group by account_key, campaign_id
),

controls as (
    select
        account_key,
        journey_id,
        sum(control_entries) as control_entries
    from {{ ref('mart_control_groups') }}
    group by account_key, journey_id
),

converted as (
    select
        account_key,
        campaign_id,
        conversion_event_id,
        value,
        currency,
        row_number() over (
            partition by account_key, campaign_id, conversion_event_id order by sent_at desc, message_id asc
        ) as recency
    from {{ ref('int_campaign_conversions') }}
),

spent as (
    select
        account_key,
        campaign_id,
        currency,
        sum(value) as revenue_all
    from converted
    where recency = 1 and currency is not null
    group by account_key, campaign_id, currency
),

compared as (
    {% for figure, channel, measure in channel_figures -%}
    select
        '{{ figure }}' as figure,
        pages.account_key,
        pages.journey_id || ' ' || pages.period_id || ' ' || pages.date_basis as row_key,
        pages.{{ figure }} as page_value,
        coalesce(channels.{{ measure }}, 0) as mart_value
    from {{ ref('mart_pw_communications') }} as pages
    left join {{ ref('mart_channel_stats') }} as channels
        on
            pages.account_key = channels.account_key
            and pages.journey_id = channels.journey_id
            and pages.journey_version_id = channels.journey_version_id
            and pages.period_id = channels.period_id
            and pages.date_basis = channels.date_basis
            and channels.channel = '{{ channel }}'
            and channels.platform = 'ALL'
    union all
    {% endfor -%}
    {% for figure, channel, measure in step_figures -%}
    select
        '{{ figure }}' as figure,
        steps.account_key,
        steps.journey_id || ' ' || steps.node_id as row_key,
        pages.{{ figure }} as page_value,
        steps.{{ measure }} as mart_value
    from {{ ref('mart_step_stats') }} as steps
    left join {{ ref('mart_nm_steps') }} as pages
        on
            steps.account_key = pages.account_key
            and steps.journey_id = pages.journey_id
            and steps.journey_version_id = pages.journey_version_id
            and steps.node_id = pages.node_id
    where steps.platform = 'ALL' and steps.channel = '{{ channel }}'
    union all
    {% endfor -%}
    select
        'goal_first_conversions' as figure,
        goals.account_key,
        goals.journey_id || ' ' || goals.goal_id as row_key,
        coalesce(days.goal_first_conversions, 0) as page_value,
        goals.converted_users as mart_value
    from {{ ref('mart_goal_stats') }} as goals
    left join days
        on
            goals.account_key = days.account_key
            and goals.journey_id = days.journey_id
            and goals.goal_id = days.goal_id
    where goals.journey_version_id = 'ALL' and goals.period_id = 'all_time' and goals.date_basis = 'event'
    union all
    select
        'ct_errors of the reasons' as figure,
        campaigns.account_key,
        campaigns.campaign_id as row_key,
        coalesce(errors.ct_errors, 0) as page_value,
        campaigns.ct_errors as mart_value
    from {{ ref('mart_campaign_stats') }} as campaigns
    left join errors
        on campaigns.account_key = errors.account_key and campaigns.campaign_id = errors.campaign_id
    union all
    select
        'control entries of the kinds' as figure,
        overview.account_key,
        overview.journey_id as row_key,
        coalesce(controls.control_entries, 0) as page_value,
        overview.control_entries as mart_value
    from {{ ref('mart_journey_overview') }} as overview
    left join controls
        on overview.account_key = controls.account_key and overview.journey_id = controls.journey_id
    where overview.journey_version_id = 'ALL' and overview.period_id = 'all_time'
    union all
    select
        'revenue_all of the days' as figure,
        revenue.account_key,
        revenue.campaign_id || ' ' || revenue.currency as row_key,
        revenue.revenue_all as page_value,
        spent.revenue_all as mart_value
    from {{ ref('mart_campaign_revenue') }} as revenue
    left join spent
        on
            revenue.account_key = spent.account_key
            and revenue.campaign_id = spent.campaign_id
            and revenue.currency = spent.currency
)

select *
from compared
where page_value is distinct from mart_value
