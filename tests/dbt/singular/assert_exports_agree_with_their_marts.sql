-- Every export holds the rows and figures of its mart, counted another way.
-- A returned row names the export, the key, and the two numbers.
{% set message_users = [
    'users_accepted', 'users_delivered', 'delivery_issue_users', 'users_impressed', 'users_opened', 'users_clicked',
    'users_read', 'users_replied', 'users_unsubscribed', 'users_complained'
] %}
{% set overview_users = ['unique_entry_users', 'users_in_journey_now'] %}
{% set figures = [
    ('export_pw_campaigns', 'pw_total_sends', 'mart_journey_overview', 'messages_attempted', "journey_version_id = 'ALL'"),
    ('export_pw_campaigns', 'pw_unique_users', 'mart_journey_overview', 'pw_unique_users_messaged',
        "journey_version_id = 'ALL'"),
    ('export_pw_campaigns', 'pw_csv_drop_off', 'mart_journey_overview', 'pw_csv_drop_off', "journey_version_id = 'ALL'"),
    ('export_pw_goal', 'pw_goal_count', 'mart_goal_stats', 'converted_users', "journey_version_id = 'ALL'"),
    ('export_pw_channel', 'pw_point_sent', 'mart_message_stats', 'messages_attempted', "journey_id <> 'none'"),
    ('export_pw_channel', 'pw_point_opened_users', 'mart_message_stats', 'users_opened', "journey_id <> 'none'"),
    ('export_pw_point', 'messages_delivered', 'mart_message_stats', 'messages_delivered', "journey_id <> 'none'"),
    ('export_pw_point', 'pw_point_goal_users', 'mart_message_stats', 'pw_point_goal_users', "journey_id <> 'none'"),
    ('export_ct_engagement_stats', 'ct_sent', 'mart_engagement_stats', 'ct_sent', 'true'),
    ('export_ct_engagement_stats', 'ct_clicks', 'mart_engagement_stats', 'ct_clicks', 'true'),
] %}
with overview as (
    select *
    from {{ ref('mart_journey_overview') }}
    where journey_version_id = 'ALL'
),

channels as (
    select *
    from {{ ref('mart_channel_stats') }}
    where
        journey_version_id = 'ALL' and journey_id <> 'ALL' and channel = 'ALL' and platform = 'ALL'
        and date_basis = 'event'
),

goals as (
    select *
    from {{ ref('mart_goal_stats') }}
    where journey_version_id = 'ALL' and date_basis = 'event'
),

-- One user per measure, journey and period, whatever the steps and channels.
users_by_metric as (
    select
        account_key,
        metric_name,
        journey_id,
        goal_id,
        period_id,
        count(distinct user_key) as users
    from {{ ref('export_user_level') }}
    where metric_name in ('converted_users', '{{ (overview_users + message_users) | join("', '") }}')
    group by account_key, metric_name, journey_id, goal_id, period_id
),

listed_entries as (
    select
        account_key,
        journey_id,
        count(*) as entries
    from {{ ref('export_pw_users') }}
    group by account_key, journey_id
),

{% for export in ['export_nm_converted_users', 'export_nm_conversion_events'] -%}
rows_of_{{ export }} as (
    select
        account_key,
        journey_id,
        goal_id,
        count(*) as export_rows
    from {{ ref(export) }}
    group by account_key, journey_id, goal_id
),

{% endfor -%}
{% for export, export_measure, mart, measure, condition in figures -%}
exported_{{ loop.index }} as (
    select
        account_key,
        period_id,
        sum({{ export_measure }}) as measure
    from {{ ref(export) }}
    group by account_key, period_id
),

counted_{{ loop.index }} as (
    select
        account_key,
        period_id,
        sum({{ measure }}) as measure
    from {{ ref(mart) }}
    where {{ condition }}
    group by account_key, period_id
),

{% endfor -%}
interacted as (
    select
        account_key,
        journey_id,
        coalesce(node_id, 'none') as node_id,
        count(distinct user_key) as users
    from {{ ref('fct_message_events') }}
    where not is_control and journey_id is not null and event_type in ('opened', 'clicked', 'read', 'dismissed')
    group by account_key, journey_id, coalesce(node_id, 'none')
),

point_users as (
    select
        account_key,
        journey_id,
        node_id,
        count(distinct user_key) as users
    from {{ ref('export_pw_point_users') }}
    group by account_key, journey_id, node_id
),

last_messages as (
    select
        messages.account_key,
        messages.user_key,
        coalesce(messages.channel, 'other') as channel,
        max(case when messages.issue_kind is not null then coalesce(messages.sent_at, messages.first_event_at) end)
            as last_issue_at,
        max(case when messages.issue_kind is null then coalesce(messages.sent_at, messages.first_event_at) end)
            as last_success_at
    from {{ ref('fct_messages') }} as messages
    inner join {{ ref('dim_user') }} as users
        on messages.account_key = users.account_key and messages.user_key = users.user_key and not users.is_deleted
    where not messages.is_control
    group by messages.account_key, messages.user_key, coalesce(messages.channel, 'other')
),

unreached as (
    select
        account_key,
        channel,
        count(*) as users
    from last_messages
    where last_issue_at is not null and coalesce(last_success_at <= last_issue_at, true)
    group by account_key, channel
),

recovery as (
    select
        account_key,
        channel,
        count(distinct user_key) as users
    from {{ ref('export_recovery_users') }}
    group by account_key, channel
),

latest_entries as (
    select
        entries.*,
        row_number() over (
            partition by entries.account_key, entries.journey_id, entries.user_key
            order by entries.entered_at desc, entries.journey_entry_id desc
        ) as entry_recency
    from {{ ref('fct_journey_entries') }} as entries
    where not entries.is_control
),

dropped as (
    select
        latest_entries.account_key,
        latest_entries.journey_id,
        count(*) as users
    from latest_entries
    inner join {{ ref('dim_user') }} as users
        on latest_entries.account_key = users.account_key and latest_entries.user_key = users.user_key
    where latest_entries.entry_recency = 1 and latest_entries.entry_status = 'dropped_off' and not users.is_deleted
    group by latest_entries.account_key, latest_entries.journey_id
),

dropped_export as (
    select
        account_key,
        journey_id,
        count(*) as users
    from {{ ref('export_dropped_users') }}
    where pw_status = 'Dropped off'
    group by account_key, journey_id
),

compared as (
    {% for metric in overview_users + message_users -%}
    {% set mart = 'channels' if metric in message_users else 'overview' -%}
    select
        'export_user_level {{ metric }}' as export_name,
        {{ mart }}.account_key,
        {{ mart }}.journey_id || ' ' || {{ mart }}.period_id as row_key,
        coalesce(users_by_metric.users, 0) as export_value,
        {{ mart }}.{{ metric }} as mart_value
    from {{ mart }}
    left join users_by_metric
        on
            {{ mart }}.account_key = users_by_metric.account_key
            and {{ mart }}.journey_id = users_by_metric.journey_id
            and {{ mart }}.period_id = users_by_metric.period_id
            and users_by_metric.metric_name = '{{ metric }}'
    union all
    {% endfor -%}
    select
        'export_user_level converted_users' as export_name,
        goals.account_key,
        goals.journey_id || ' ' || goals.goal_id || ' ' || goals.period_id as row_key,
        coalesce(users_by_metric.users, 0) as export_value,
        goals.converted_users as mart_value
    from goals
    left join users_by_metric
        on
            goals.account_key = users_by_metric.account_key
            and goals.journey_id = users_by_metric.journey_id
            and goals.goal_id = users_by_metric.goal_id
            and goals.period_id = users_by_metric.period_id
            and users_by_metric.metric_name = 'converted_users'
    union all
    select
        'export_pw_users' as export_name,
        overview.account_key,
        overview.journey_id as row_key,
        coalesce(listed_entries.entries, 0) as export_value,
        overview.total_entries as mart_value
    from overview
    left join listed_entries
        on overview.account_key = listed_entries.account_key and overview.journey_id = listed_entries.journey_id
    where overview.period_id = 'all_time'
    {% for export, measure in [
        ('export_nm_converted_users', 'converted_users'), ('export_nm_conversion_events', 'conversion_events_total')
    ] -%}
    union all
    select
        '{{ export }}' as export_name,
        goals.account_key,
        goals.journey_id || ' ' || goals.goal_id as row_key,
        coalesce(rows_of_{{ export }}.export_rows, 0) as export_value,
        goals.{{ measure }} as mart_value
    from goals
    left join rows_of_{{ export }}
        on
            goals.account_key = rows_of_{{ export }}.account_key
            and goals.journey_id = rows_of_{{ export }}.journey_id
            and goals.goal_id = rows_of_{{ export }}.goal_id
    where goals.period_id = 'all_time'
    {% endfor -%}
    {% for export, export_measure, mart, measure, condition in figures -%}
    union all
    select
        '{{ export }} {{ export_measure }}' as export_name,
        counted_{{ loop.index }}.account_key,
        counted_{{ loop.index }}.period_id as row_key,
        exported_{{ loop.index }}.measure as export_value,
        counted_{{ loop.index }}.measure as mart_value
    from counted_{{ loop.index }}
    left join exported_{{ loop.index }}
        on
            counted_{{ loop.index }}.account_key = exported_{{ loop.index }}.account_key
            and counted_{{ loop.index }}.period_id = exported_{{ loop.index }}.period_id
    {% endfor -%}
    union all
    select
        'export_pw_point_users' as export_name,
        interacted.account_key,
        interacted.journey_id || ' ' || interacted.node_id as row_key,
        coalesce(point_users.users, 0) as export_value,
        interacted.users as mart_value
    from interacted
    left join point_users
        on
            interacted.account_key = point_users.account_key
            and interacted.journey_id = point_users.journey_id
            and interacted.node_id = point_users.node_id
    union all
    select
        'export_recovery_users' as export_name,
        unreached.account_key,
        unreached.channel as row_key,
        coalesce(recovery.users, 0) as export_value,
        unreached.users as mart_value
    from unreached
    left join recovery
        on unreached.account_key = recovery.account_key and unreached.channel = recovery.channel
    union all
    select
        'export_dropped_users' as export_name,
        dropped.account_key,
        dropped.journey_id as row_key,
        coalesce(dropped_export.users, 0) as export_value,
        dropped.users as mart_value
    from dropped
    left join dropped_export
        on dropped.account_key = dropped_export.account_key and dropped.journey_id = dropped_export.journey_id
)

select *
from compared
where export_value is distinct from mart_value
