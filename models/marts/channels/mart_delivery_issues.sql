{% set sets = [
    ['account_key'],
    ['account_key', 'channel'],
    ['account_key', 'journey_id'],
    ['account_key', 'journey_id', 'channel'],
    ['account_key', 'journey_id', 'node_id'],
    ['account_key', 'journey_id', 'channel', 'node_id'],
] %}
{% set issue_sets = [] %}
{% for set in sets %}{% do issue_sets.append(set + ['period_id', 'reason_code', 'issue_class']) %}{% endfor %}
{% set step_sets = [] %}
{% for set in sets %}{% do step_sets.append(set + ['period_id']) %}{% endfor %}
-- An issue and a visit each have one date, so both bases are the same and only the event basis is shown.
with periods as (
    {{ period_bases(['event']) }}
),

issues as (
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        coalesce(channel, 'other') as channel,
        coalesce(node_id, 'none') as node_id,
        coalesce(reason_code, 'unknown') as reason_code,
        issue_class,
        issue_kind,
        ct_is_technical,
        user_key,
        message_date
    from {{ ref('fct_messages') }}
    where not is_control and issue_kind is not null
),

period_issues as (
    select
        issues.*,
        periods.period_id
    from issues
    inner join periods
        on
            issues.account_key = periods.account_key
            and {{ falls_in('periods', 'issues.message_date', 'issues.message_date') }}
),

issue_groups as (
    select
        account_key,
        period_id,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        {{ all_when_rolled_up('node_id') }} as node_group,
        reason_code,
        issue_class,
        bool_or(ct_is_technical) as ct_is_technical,
        count(*) as delivery_issue_messages,
        count(distinct user_key) as delivery_issue_users,
        count(case when issue_kind = 'failed' then 1 end) as messages_failed,
        count(case when issue_kind = 'skipped' then 1 end) as messages_skipped,
        count(case when issue_kind in ('bounced_hard', 'bounced_soft') then 1 end) as messages_bounced
    from period_issues
    group by {{ grouping_sets(issue_sets) }}
),

channel_visits as (
    select
        account_key,
        journey_id,
        channel,
        node_id,
        user_key,
        visit_date
    from {{ ref('fct_node_visits') }}
    where not is_control and channel is not null
),

period_visits as (
    select
        channel_visits.*,
        periods.period_id
    from channel_visits
    inner join periods
        on
            channel_visits.account_key = periods.account_key
            and {{ falls_in('periods', 'channel_visits.visit_date', 'channel_visits.visit_date') }}
),

step_users as (
    select
        account_key,
        period_id,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        {{ all_when_rolled_up('node_id') }} as node_group,
        count(distinct user_key) as users_entered_channel_steps
    from period_visits
    group by {{ grouping_sets(step_sets) }}
)

select
    issue_groups.account_key,
    issue_groups.journey_group as journey_id,
    issue_groups.channel_group as channel,
    issue_groups.node_group as node_id,
    issue_groups.reason_code,
    issue_groups.issue_class,
    periods.period_id,
    periods.period_from,
    periods.period_to,
    periods.date_basis,
    issue_groups.ct_is_technical,
    issue_groups.issue_class <> 'policy' as pw_is_sending_error,
    cast(issue_groups.delivery_issue_messages as bigint) as delivery_issue_messages,
    cast(issue_groups.delivery_issue_users as bigint) as delivery_issue_users,
    cast(issue_groups.messages_failed as bigint) as messages_failed,
    cast(issue_groups.messages_skipped as bigint) as messages_skipped,
    cast(issue_groups.messages_bounced as bigint) as messages_bounced,
    cast(issue_groups.messages_failed + issue_groups.messages_skipped as bigint) as ct_errors,
    cast(coalesce(steps.users_entered_channel_steps, 0) as bigint) as users_entered_channel_steps,
    cast({{ rate('issue_groups.delivery_issue_messages', 'steps.users_entered_channel_steps') }} as double)
        as pw_delivery_issue_rate,
    cast({{ rate('issue_groups.delivery_issue_users', 'steps.users_entered_channel_steps') }} as double)
        as delivery_issue_user_rate
from issue_groups
inner join periods
    on issue_groups.account_key = periods.account_key and issue_groups.period_id = periods.period_id
left join step_users as steps
    on
        issue_groups.account_key = steps.account_key
        and issue_groups.period_id = steps.period_id
        and issue_groups.journey_group = steps.journey_group
        and issue_groups.channel_group = steps.channel_group
        and issue_groups.node_group = steps.node_group
