{% set sums = [
    'entries', 'exits', 'dropoffs_internal', 'dropoffs_sending', 'first_conversions', 'conversion_events',
    'messages_attempted', 'messages_accepted', 'opens_total', 'clicks_total'
] %}
{% set sources = [
    {
        'relation': 'fct_journey_entries', 'date': 'entry_date', 'where': 'not is_control',
        'sums': {'entries': '1'}
    },
    {
        'relation': 'fct_journey_entries', 'date': 'exit_date', 'where': 'not is_control and exit_date is not null',
        'sums': {
            'exits': '1',
            'dropoffs_internal': "case when exit_reason_code = 'internal_error' then 1 else 0 end",
            'dropoffs_sending': "case when exit_reason_code = 'sending_error' then 1 else 0 end",
        }
    },
    {
        'relation': 'fct_conversions', 'date': 'conversion_date', 'where': 'not is_control and is_headline_goal',
        'sums': {
            'first_conversions': 'case when is_first_conversion then 1 else 0 end', 'conversion_events': '1',
        }
    },
    {
        'relation': 'fct_messages', 'date': 'message_date', 'where': 'not is_control',
        'sums': {
            'messages_attempted': 'case when is_attempted then 1 else 0 end',
            'messages_accepted': 'case when is_accepted then 1 else 0 end',
        }
    },
    {
        'relation': 'fct_message_events', 'date': 'event_date',
        'where': "not is_control and event_type in ('opened', 'clicked')",
        'sums': {
            'opens_total': "case when event_type = 'opened' then 1 else 0 end",
            'clicks_total': "case when event_type = 'clicked' then 1 else 0 end",
        }
    },
] %}
with dated as (
    {% for source in sources %}
    {% if not loop.first %}union all{% endif %}
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        journey_version_id,
        {{ source['date'] }} as date_day,
        reporting_timezone,
        user_key,
        {% for name in sums %}{{ source['sums'].get(name, '0') }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref(source['relation']) }}
    where {{ source['where'] }}
    {% endfor %}
),

user_sums as (
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        date_day,
        reporting_timezone,
        user_key,
        {% for name in sums %}sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from dated
    group by {{ grouping_sets([
        ['account_key', 'date_day', 'reporting_timezone', 'user_key'],
        ['account_key', 'journey_id', 'date_day', 'reporting_timezone', 'user_key'],
        ['account_key', 'journey_id', 'journey_version_id', 'date_day', 'reporting_timezone', 'user_key'],
    ]) }}
)

select
    account_key,
    journey_group as journey_id,
    version_group as journey_version_id,
    date_day,
    reporting_timezone,
    'event' as date_basis,
    cast(sum(entries) as bigint) as entries,
    cast(count(case when entries > 0 then 1 end) as bigint) as entry_users,
    cast(sum(exits) as bigint) as exits,
    cast(sum(dropoffs_internal) as bigint) as dropoffs_internal,
    cast(sum(dropoffs_sending) as bigint) as dropoffs_sending,
    cast(sum(dropoffs_internal) + sum(dropoffs_sending) as bigint) as pw_dropoffs_chart,
    cast({{ pct('(sum(dropoffs_internal) + sum(dropoffs_sending))', 'sum(entries)') }} as double) as pw_dropoff_rate_pct,
    cast(sum(first_conversions) as bigint) as first_conversions,
    cast(sum(conversion_events) as bigint) as conversion_events,
    cast(sum(messages_attempted) as bigint) as messages_attempted,
    cast(sum(messages_accepted) as bigint) as messages_accepted,
    cast(sum(opens_total) as bigint) as opens_total,
    cast(count(case when opens_total > 0 then 1 end) as bigint) as users_opened,
    cast(sum(clicks_total) as bigint) as clicks_total,
    cast(count(case when clicks_total > 0 then 1 end) as bigint) as users_clicked
from user_sums
group by account_key, journey_group, version_group, date_day, reporting_timezone
