{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}
{# Measure, which rows count in it and, where rows of one fact have several, their instant and local date. #}
{% set entry_metrics = [
    ('unique_entry_users', 'true', 'entered_at', 'entry_date'),
    ('users_exited', "entry_status = 'exited'", 'effective_exit_at', 'exit_date'),
    ('users_dropped_off', "entry_status = 'dropped_off'", 'effective_exit_at', 'exit_date'),
    ('users_exited_unconverted', 'effective_exit_at is not null and not is_converted', 'effective_exit_at', 'exit_date'),
    ('users_in_journey_now', 'effective_exit_at is null', 'entered_at', 'cast(null as date)'),
] %}
{% set message_metrics = [
    ('users_accepted', 'is_accepted'), ('users_failed', 'is_failed'), ('users_skipped', 'is_skipped'),
    ('users_delivered', 'is_delivered'), ('delivery_issue_users', 'issue_kind is not null'),
] %}
{% set engagement_metrics = [
    ('users_impressed', 'impression'), ('users_opened', 'opened'), ('users_clicked', 'clicked'), ('users_read', 'read'),
    ('users_replied', 'replied'), ('users_unsubscribed', 'unsubscribed'), ('users_complained', 'complained'),
] %}
{% set conversion_metrics = [('converted_users', 'is_first_conversion'), ('conversion_event_users', 'true')] %}
with periods as (
    {{ period_bases(['event']) }}
),

-- A fact is read once for all its measures: a branch for each of them holds memory of its own.
happened as (
    select
        metrics.metric_name,
        account_key,
        journey_id,
        case when metrics.metric_name <> 'unique_entry_users' then last_node_id end as node_id,
        cast(null as string) as channel,
        cast(null as string) as goal_id,
        user_key,
        {{ by_metric(entry_metrics, 2) }} as happened_at,
        {{ by_metric(entry_metrics, 3) }} as happened_on
    from {{ ref('fct_journey_entries').include(database=false) }}
    cross join {{ metric_names(entry_metrics) }}
    where not is_control and {{ by_metric(entry_metrics, 1) }}
    union all
    select
        'entry_users' as metric_name,
        account_key,
        journey_id,
        node_id,
        channel,
        cast(null as string) as goal_id,
        user_key,
        occurred_at as happened_at,
        visit_date as happened_on
    from {{ ref('fct_node_visits').include(database=false) }}
    where not is_control
    union all
    select
        metrics.metric_name,
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        node_id,
        coalesce(channel, 'other') as channel,
        cast(null as string) as goal_id,
        user_key,
        coalesce(sent_at, first_event_at) as happened_at,
        message_date as happened_on
    from {{ ref('fct_messages').include(database=false) }}
    cross join {{ metric_names(message_metrics) }}
    where not is_control and {{ by_metric(message_metrics, 1) }}
    union all
    select
        case event_type
            {% for metric, event_type in engagement_metrics %}when '{{ event_type }}' then '{{ metric }}' {% endfor %}
        end as metric_name,
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        node_id,
        coalesce(channel, 'other') as channel,
        cast(null as string) as goal_id,
        user_key,
        occurred_at as happened_at,
        event_date as happened_on
    from {{ ref('fct_message_events').include(database=false) }}
    where
        not is_control
        and event_type in (
            {% for metric, event_type in engagement_metrics %}'{{ event_type }}'{{ ', ' if not loop.last }}{% endfor %}
        )
    union all
    select
        metrics.metric_name,
        account_key,
        journey_id,
        cast(null as string) as node_id,
        cast(null as string) as channel,
        goal_id,
        user_key,
        occurred_at as happened_at,
        conversion_date as happened_on
    from {{ ref('fct_conversions').include(database=false) }}
    cross join {{ metric_names(conversion_metrics) }}
    where not is_control and {{ by_metric(conversion_metrics, 1) }}
),

-- A snapshot has no date: it holds at as_of, whatever the period (R25).
counted as (
    select
        happened.metric_name,
        happened.account_key,
        happened.journey_id,
        coalesce(happened.node_id, 'none') as node_id,
        coalesce(happened.channel, 'none') as channel,
        coalesce(happened.goal_id, 'none') as goal_id,
        periods.period_id,
        periods.date_basis,
        happened.user_key,
        count(*) as times,
        min(happened.happened_at) as first_at,
        max(happened.happened_at) as last_at
    from happened
    inner join periods
        on
            happened.account_key = periods.account_key
            and (
                happened.happened_on is null
                or {{ falls_in('periods', 'happened.happened_on', 'happened.happened_on') }}
            )
    group by
        happened.metric_name, happened.account_key, happened.journey_id, coalesce(happened.node_id, 'none'),
        coalesce(happened.channel, 'none'), coalesce(happened.goal_id, 'none'), periods.period_id,
        periods.date_basis, happened.user_key
)

select
    cast(counted.metric_name as string) as metric_name,
    coalesce(users.external_user_id, counted.user_key) as external_user_id,
    users.hwid,
    cast(counted.times as bigint) as times,
    counted.first_at,
    counted.last_at,
    coalesce(nodes.node_name, case when counted.node_id <> 'none' then counted.node_id end) as node_name,
    counted.channel,
    counted.goal_id,
    journeys.journey_name,
    counted.journey_id,
    counted.node_id,
    counted.user_key,
    counted.period_id,
    counted.date_basis,
    counted.account_key
from counted
left join {{ ref('dim_user').include(database=false) }} as users
    on counted.account_key = users.account_key and counted.user_key = users.user_key
left join {{ ref('dim_journey').include(database=false) }} as journeys
    on counted.account_key = journeys.account_key and counted.journey_id = journeys.journey_id
left join {{ ref('int_nodes_any_version').include(database=false) }} as nodes
    on
        counted.account_key = nodes.account_key
        and counted.journey_id = nodes.journey_id
        and counted.node_id = nodes.node_id
