-- Every export holds the rows and figures of its mart, counted another way. A returned row names the export, the key,
-- and the two numbers.
{% set user_metrics = [
    ('unique_entry_users', 'mart_journey_overview', 'unique_entry_users', "true"),
    ('users_in_journey_now', 'mart_journey_overview', 'users_in_journey_now', "true"),
    ('users_accepted', 'mart_channel_stats', 'users_accepted', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_delivered', 'mart_channel_stats', 'users_delivered', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('delivery_issue_users', 'mart_channel_stats', 'delivery_issue_users', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_impressed', 'mart_channel_stats', 'users_impressed', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_opened', 'mart_channel_stats', 'users_opened', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_clicked', 'mart_channel_stats', 'users_clicked', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_read', 'mart_channel_stats', 'users_read', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_replied', 'mart_channel_stats', 'users_replied', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_unsubscribed', 'mart_channel_stats', 'users_unsubscribed', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
    ('users_complained', 'mart_channel_stats', 'users_complained', "channel = 'ALL' and platform = 'ALL' and date_basis = 'event'"),
] %}
with
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
    group by account_key, metric_name, journey_id, goal_id, period_id
),

compared as (
    {% for metric, mart, measure, condition in user_metrics -%}
    select
        'export_user_level ' || '{{ metric }}' as export_name,
        marts.account_key,
        marts.journey_id || ' ' || marts.period_id as row_key,
        coalesce(users_by_metric.users, 0) as export_value,
        marts.{{ measure }} as mart_value
    from (
        select *
        from {{ ref(mart) }}
        where journey_version_id = 'ALL' and journey_id <> 'ALL' and {{ condition }}
    ) as marts
    left join users_by_metric
        on
            marts.account_key = users_by_metric.account_key
            and marts.journey_id = users_by_metric.journey_id
            and marts.period_id = users_by_metric.period_id
            and users_by_metric.metric_name = '{{ metric }}'
    union all
    {% endfor -%}
    select
        'export_user_level converted_users' as export_name,
        goals.account_key,
        goals.journey_id || ' ' || goals.goal_id || ' ' || goals.period_id as row_key,
        coalesce(users_by_metric.users, 0) as export_value,
        goals.converted_users as mart_value
    from {{ ref('mart_goal_stats') }} as goals
    left join users_by_metric
        on
            goals.account_key = users_by_metric.account_key
            and goals.journey_id = users_by_metric.journey_id
            and goals.goal_id = users_by_metric.goal_id
            and goals.period_id = users_by_metric.period_id
            and users_by_metric.metric_name = 'converted_users'
    where goals.journey_version_id = 'ALL' and goals.date_basis = 'event'
    union all
    select
        'export_pw_users' as export_name,
        overview.account_key,
        overview.journey_id as row_key,
        count(entries.journey_entry_id) as export_value,
        max(overview.total_entries) as mart_value
    from {{ ref('mart_journey_overview') }} as overview
    left join {{ ref('export_pw_users') }} as entries
        on overview.account_key = entries.account_key and overview.journey_id = entries.journey_id
    where overview.journey_version_id = 'ALL' and overview.period_id = 'all_time'
    group by overview.account_key, overview.journey_id
    {% for export, measure in [
        ('export_nm_converted_users', 'converted_users'), ('export_nm_conversion_events', 'conversion_events_total')
    ] -%}
    union all
    select
        '{{ export }}' as export_name,
        goals.account_key,
        goals.journey_id || ' ' || goals.goal_id as row_key,
        count(exported.goal_id) as export_value,
        max(goals.{{ measure }}) as mart_value
    from {{ ref('mart_goal_stats') }} as goals
    left join {{ ref(export) }} as exported
        on
            goals.account_key = exported.account_key
            and goals.journey_id = exported.journey_id
            and goals.goal_id = exported.goal_id
    where goals.journey_version_id = 'ALL' and goals.period_id = 'all_time' and goals.date_basis = 'event'
    group by goals.account_key, goals.journey_id, goals.goal_id
    {% endfor -%}
    {% for export, export_measure, mart, measure, condition in [
        ('export_pw_campaigns', 'pw_total_sends', 'mart_journey_overview', 'messages_attempted', "journey_version_id = 'ALL'"),
        ('export_pw_campaigns', 'pw_unique_users', 'mart_journey_overview', 'pw_unique_users_messaged', "journey_version_id = 'ALL'"),
        ('export_pw_campaigns', 'pw_csv_drop_off', 'mart_journey_overview', 'pw_csv_drop_off', "journey_version_id = 'ALL'"),
        ('export_pw_goal', 'pw_goal_count', 'mart_goal_stats', 'converted_users', "journey_version_id = 'ALL'"),
        ('export_pw_channel', 'pw_point_sent', 'mart_message_stats', 'messages_attempted', "journey_id <> 'none'"),
        ('export_pw_channel', 'pw_point_opened_users', 'mart_message_stats', 'users_opened', "journey_id <> 'none'"),
        ('export_pw_point', 'messages_delivered', 'mart_message_stats', 'messages_delivered', "journey_id <> 'none'"),
        ('export_pw_point', 'pw_point_goal_users', 'mart_message_stats', 'pw_point_goal_users', "journey_id <> 'none'"),
        ('export_ct_engagement_stats', 'ct_sent', 'mart_engagement_stats', 'ct_sent', 'true'),
        ('export_ct_engagement_stats', 'ct_clicks', 'mart_engagement_stats', 'ct_clicks', 'true'),
    ] -%}
    union all
    select
        '{{ export }} {{ export_measure }}' as export_name,
        marts.account_key,
        marts.period_id as row_key,
        exported.measure as export_value,
        marts.measure as mart_value
    from (
        select
            account_key,
            period_id,
            sum({{ measure }}) as measure
        from {{ ref(mart) }}
        where {{ condition }}
        group by account_key, period_id
    ) as marts
    left join (
        select
            account_key,
            period_id,
            sum({{ export_measure }}) as measure
        from {{ ref(export) }}
        group by account_key, period_id
    ) as exported
        on marts.account_key = exported.account_key and marts.period_id = exported.period_id
    {% endfor -%}
    union all
    select
        'export_pw_point_users' as export_name,
        interactions.account_key,
        interactions.journey_id || ' ' || interactions.node_id as row_key,
        interactions.users as export_value,
        users_of_step.users as mart_value
    from (
        select
            account_key,
            journey_id,
            node_id,
            count(distinct user_key) as users
        from {{ ref('export_pw_point_users') }}
        group by account_key, journey_id, node_id
    ) as interactions
    left join (
        select
            account_key,
            journey_id,
            coalesce(node_id, 'none') as node_id,
            count(distinct user_key) as users
        from {{ ref('fct_message_events') }}
        where not is_control and event_type in ('opened', 'clicked', 'read', 'dismissed')
        group by account_key, journey_id, coalesce(node_id, 'none')
    ) as users_of_step
        on
            interactions.account_key = users_of_step.account_key
            and interactions.journey_id = users_of_step.journey_id
            and interactions.node_id = users_of_step.node_id
    union all
    select
        'export_recovery_users' as export_name,
        messages.account_key,
        'users' as row_key,
        count(distinct recovery.user_key || ' ' || recovery.channel) as export_value,
        count(distinct messages.user_key || ' ' || messages.channel) as mart_value
    from (
        select
            account_key,
            user_key,
            coalesce(channel, 'other') as channel,
            max(case when issue_kind is not null then coalesce(sent_at, first_event_at) end) as last_issue_at,
            max(case when issue_kind is null then coalesce(sent_at, first_event_at) end) as last_success_at
        from {{ ref('fct_messages') }}
        where not is_control
        group by account_key, user_key, coalesce(channel, 'other')
    ) as messages
    inner join {{ ref('dim_user') }} as users
        on messages.account_key = users.account_key and messages.user_key = users.user_key and not users.is_deleted
    left join {{ ref('export_recovery_users') }} as recovery
        on
            messages.account_key = recovery.account_key
            and messages.user_key = recovery.user_key
            and messages.channel = recovery.channel
    where messages.last_issue_at is not null and coalesce(messages.last_success_at <= messages.last_issue_at, true)
    group by messages.account_key
    union all
    select
        'export_dropped_users' as export_name,
        account_key,
        journey_id as row_key,
        count(distinct case when pw_status = 'Dropped off' then journey_entry_id end) as export_value,
        max(dropped) as mart_value
    from (
        select
            entries.account_key,
            entries.journey_id,
            exported.pw_status,
            exported.journey_entry_id,
            count(case when entries.entry_status = 'dropped_off' and not users.is_deleted then 1 end)
                over (partition by entries.account_key, entries.journey_id) as dropped
        from (
            select
                *,
                row_number() over (
                    partition by account_key, journey_id, user_key
                    order by entered_at desc, journey_entry_id desc
                ) as entry_recency
            from {{ ref('fct_journey_entries') }}
            where not is_control
        ) as entries
        inner join {{ ref('dim_user') }} as users
            on entries.account_key = users.account_key and entries.user_key = users.user_key
        left join {{ ref('export_dropped_users') }} as exported
            on
                entries.account_key = exported.account_key
                and entries.journey_entry_id = exported.journey_entry_id
        where entries.entry_recency = 1
    ) as latest
    group by account_key, journey_id
)

select *
from compared
where export_value is distinct from mart_value
