-- Every additive message measure of the channels adds up to the journey, in every period (R18); uniques need not.
-- A returned row is a journey where one does not.
{% set additive = [
    'messages_attempted', 'messages_failed', 'messages_accepted', 'messages_skipped', 'messages_delivered',
    'messages_delivered_inferred', 'messages_bounced_hard', 'messages_bounced_soft', 'send_attempt_events',
    'impressions_total', 'opens_total', 'opens_total_human', 'clicks_total', 'clicks_total_human', 'replies_total',
    'dismissals_total', 'delivery_issue_messages', 'issues_platform', 'issues_recipient', 'issues_policy',
    'issues_content', 'ct_errors', 'pw_sending_error_messages'
] %}
select
    account_key,
    journey_id,
    period_id,
    date_basis
from {{ ref('mart_channel_stats') }}
where journey_version_id = 'ALL' and platform = 'ALL'
group by account_key, journey_id, period_id, date_basis
having
    {% for measure in additive -%}
    sum(case when channel = 'ALL' then {{ measure }} else -{{ measure }} end) <> 0{{ ' or' if not loop.last }}
    {% endfor %}
