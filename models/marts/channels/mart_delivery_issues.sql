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

visit_days as (
    select distinct
        account_key,
        visit_date
    from channel_visits
),

-- Which periods a day falls in is asked once per day, and numbers stand for steps: the rows of users stay narrow.
period_days as (
    select
        visit_days.account_key,
        visit_days.visit_date,
        periods.period_id
    from visit_days
    inner join periods
        on
            visit_days.account_key = periods.account_key
            and {{ falls_in('periods', 'visit_days.visit_date', 'visit_days.visit_date') }}
),

channel_steps as (
    select
        account_key,
        journey_id,
        channel,
        node_id,
        row_number() over (order by account_key, journey_id, channel, node_id) as step_number
    from channel_visits
    group by account_key, journey_id, channel, node_id
),

rolled_steps as (
    select
        channel_steps.step_number,
        channel_steps.account_key,
        case when rolled_sets.has_journey then channel_steps.journey_id else 'ALL' end as journey_group,
        case when rolled_sets.has_channel then channel_steps.channel else 'ALL' end as channel_group,
        case when rolled_sets.has_node then channel_steps.node_id else 'ALL' end as node_group
    from channel_steps
    cross join (
        values {% for set in sets -%}
        ({{ ('journey_id' in set, 'channel' in set, 'node_id' in set) | join(', ') | lower }}){{ ', ' if not loop.last }}
        {%- endfor %}
    ) as rolled_sets (has_journey, has_channel, has_node)
),

step_members as (
    select
        *,
        dense_rank() over (order by account_key, journey_group, channel_group, node_group) as rolled_number,
        count(*) over (partition by account_key, journey_group, channel_group, node_group) as step_count
    from rolled_steps
),

period_users as (
    select distinct
        channel_steps.step_number,
        period_days.period_id,
        channel_visits.user_key
    from channel_visits
    inner join channel_steps
        on
            channel_visits.account_key = channel_steps.account_key
            and channel_visits.journey_id is not distinct from channel_steps.journey_id
            and channel_visits.channel = channel_steps.channel
            and channel_visits.node_id is not distinct from channel_steps.node_id
    inner join period_days
        on
            channel_visits.account_key = period_days.account_key
            and channel_visits.visit_date = period_days.visit_date
),

-- A rolled-up row of one step has exactly its users, each once already.
rolled_users as (
    select
        step_members.rolled_number,
        period_users.period_id,
        period_users.user_key
    from period_users
    inner join step_members
        on period_users.step_number = step_members.step_number and step_members.step_count = 1
    union all
    select distinct
        step_members.rolled_number,
        period_users.period_id,
        period_users.user_key
    from period_users
    inner join step_members
        on period_users.step_number = step_members.step_number and step_members.step_count > 1
),

users_counted as (
    select
        rolled_number,
        period_id,
        count(user_key) as users_entered_channel_steps
    from rolled_users
    group by rolled_number, period_id
),

rolled_groups as (
    select distinct
        rolled_number,
        account_key,
        journey_group,
        channel_group,
        node_group
    from step_members
),

step_users as (
    select
        rolled_groups.*,
        users_counted.period_id,
        users_counted.users_entered_channel_steps
    from users_counted
    inner join rolled_groups
        on users_counted.rolled_number = rolled_groups.rolled_number
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
