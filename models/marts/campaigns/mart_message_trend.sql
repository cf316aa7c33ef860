{% set dimensions = {'campaign_id': "coalesce(campaign_id, 'none')", 'channel': "coalesce(channel, 'other')"} %}
with {{ day_measure_ctes(
    message_day_sources(), dimensions, [[], ['channel'], ['campaign_id']], ['day', 'week', 'month']
) }}

select
    account_key,
    campaign_id,
    channel,
    bucket_grain,
    bucket_start,
    reporting_timezone,
    'event' as date_basis,
    messages_attempted,
    messages_accepted,
    messages_failed,
    messages_skipped,
    messages_delivered,
    impressions_total,
    opens_total,
    clicks_total,
    users_accepted,
    users_opened,
    users_clicked
from day_measures
