{% set sources = [
    {
        'relation': 'fct_journey_entries', 'date': 'entry_date', 'where': 'not is_control',
        'sums': {'entries': '1'}, 'users': {'entry_users': 'true'}
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
        },
        'users': {'users_opened': "event_type = 'opened'", 'users_clicked': "event_type = 'clicked'"}
    },
] %}
{% set dimensions = {'journey_id': "coalesce(journey_id, 'none')", 'journey_version_id': 'journey_version_id'} %}
with {{ day_measure_ctes(sources, dimensions, [[], ['journey_id'], ['journey_id', 'journey_version_id']]) }}

select
    account_key,
    journey_id,
    journey_version_id,
    bucket_start as date_day,
    reporting_timezone,
    'event' as date_basis,
    entries,
    entry_users,
    exits,
    dropoffs_internal,
    dropoffs_sending,
    dropoffs_internal + dropoffs_sending as pw_dropoffs_chart,
    cast({{ pct('(dropoffs_internal + dropoffs_sending)', 'entries') }} as double) as pw_dropoff_rate_pct,
    first_conversions,
    conversion_events,
    messages_attempted,
    messages_accepted,
    opens_total,
    users_opened,
    clicks_total,
    users_clicked
from day_measures
