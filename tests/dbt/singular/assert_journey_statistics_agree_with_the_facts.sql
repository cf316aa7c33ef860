-- The export figures of a journey, counted once more from messages and engagement rows.
-- A returned row is a journey where a figure differs, or with one average click rate but not the other.
with messages as (
    select
        account_key,
        journey_id,
        count(case when is_attempted then 1 end) as sends,
        count(case when is_attempted and channel = 'push' then 1 end) as push_sends,
        count(case when is_delivered and channel = 'sms' then 1 end) as sms_deliveries,
        count(distinct case when is_accepted then user_key end) as users
    from {{ ref('fct_messages') }}
    where not is_control and journey_id is not null
    group by account_key, journey_id
),

clicks as (
    select
        account_key,
        journey_id,
        count(*) as email_clicks
    from {{ ref('fct_message_events') }}
    where not is_control and channel = 'email' and event_type = 'clicked'
    group by account_key, journey_id
)

select
    statistics.*,
    messages.sends,
    clicks.email_clicks
from {{ ref('mart_journey_statistics') }} as statistics
left join messages
    on statistics.account_key = messages.account_key and statistics.journey_id = messages.journey_id
left join clicks
    on statistics.account_key = clicks.account_key and statistics.journey_id = clicks.journey_id
where
    statistics.pw_total_sends <> coalesce(messages.sends, 0)
    or statistics.pw_push_sends <> coalesce(messages.push_sends, 0)
    or statistics.pw_sms_deliveries <> coalesce(messages.sms_deliveries, 0)
    or statistics.pw_unique_users <> coalesce(messages.users, 0)
    or statistics.pw_email_clicks_total <> coalesce(clicks.email_clicks, 0)
    or (statistics.pw_avg_ctr_pct is null) <> (statistics.avg_ctr_pooled_pct is null)
