{% set sums = [
    'messages_attempted', 'messages_accepted', 'messages_failed', 'messages_skipped', 'messages_delivered',
    'delivery_issue_messages', 'impressions_total', 'opens_total', 'clicks_total'
] %}
with dated as (
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        channel,
        message_date as date_day,
        reporting_timezone,
        user_key,
        case when is_attempted then 1 else 0 end as messages_attempted,
        case when is_accepted then 1 else 0 end as messages_accepted,
        case when is_failed then 1 else 0 end as messages_failed,
        case when is_skipped then 1 else 0 end as messages_skipped,
        case when is_delivered then 1 else 0 end as messages_delivered,
        case when issue_kind is not null then 1 else 0 end as delivery_issue_messages,
        0 as impressions_total,
        0 as opens_total,
        0 as clicks_total
    from {{ ref('fct_messages') }}
    where not is_control
    union all
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        channel,
        event_date as date_day,
        reporting_timezone,
        user_key,
        0 as messages_attempted,
        0 as messages_accepted,
        0 as messages_failed,
        0 as messages_skipped,
        0 as messages_delivered,
        0 as delivery_issue_messages,
        case when event_type = 'impression' then 1 else 0 end as impressions_total,
        case when event_type = 'opened' then 1 else 0 end as opens_total,
        case when event_type = 'clicked' then 1 else 0 end as clicks_total
    from {{ ref('fct_message_events') }}
    where not is_control and event_type in ('impression', 'opened', 'clicked')
),

user_sums as (
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        date_day,
        reporting_timezone,
        user_key,
        {% for name in sums %}sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from dated
    group by {{ grouping_sets([
        ['account_key', 'date_day', 'reporting_timezone', 'user_key'],
        ['account_key', 'channel', 'date_day', 'reporting_timezone', 'user_key'],
        ['account_key', 'journey_id', 'date_day', 'reporting_timezone', 'user_key'],
        ['account_key', 'journey_id', 'channel', 'date_day', 'reporting_timezone', 'user_key'],
    ]) }}
)

select
    account_key,
    journey_group as journey_id,
    channel_group as channel,
    date_day,
    reporting_timezone,
    'event' as date_basis,
    {% for name in sums %}cast(sum({{ name }}) as bigint) as {{ name }},
    {% endfor -%}
    cast(count(case when messages_accepted > 0 then 1 end) as bigint) as users_accepted,
    cast(count(case when opens_total > 0 then 1 end) as bigint) as users_opened,
    cast(count(case when clicks_total > 0 then 1 end) as bigint) as users_clicked
from user_sums
group by account_key, journey_group, channel_group, date_day, reporting_timezone
