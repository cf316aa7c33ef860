{% set dimensions = {'journey_id': "coalesce(journey_id, 'none')", 'channel': 'channel'} %}
with {{ day_measure_ctes(
    message_day_sources(), dimensions, [[], ['channel'], ['journey_id'], ['journey_id', 'channel']]
) }}

select
    account_key,
    journey_id,
    channel,
    bucket_start as date_day,
    reporting_timezone,
    'event' as date_basis,
    messages_attempted,
    messages_accepted,
    messages_failed,
    messages_skipped,
    messages_delivered,
    delivery_issue_messages,
    impressions_total,
    opens_total,
    clicks_total,
    users_accepted,
    users_opened,
    users_clicked
from day_measures
