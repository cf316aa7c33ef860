-- The export figures of a journey, counted once more from messages and engagement rows, in every period.
-- A returned row is a journey where a figure differs, or with one average click rate but not the other.
with periods as (
    {{ period_bases(['event']) }}
),

messages as (
    select
        messages.account_key,
        messages.journey_id,
        periods.period_id,
        count(case when messages.is_attempted then 1 end) as sends,
        count(case when messages.is_attempted and messages.channel = 'push' then 1 end) as push_sends,
        count(case when messages.is_delivered and messages.channel = 'sms' then 1 end) as sms_deliveries,
        count(distinct case when messages.is_accepted then messages.user_key end) as users
    from {{ ref('fct_messages') }} as messages
    inner join periods
        on
            messages.account_key = periods.account_key
            and {{ falls_in('periods', 'messages.message_date', 'messages.message_date') }}
    where not messages.is_control and messages.journey_id is not null
    group by messages.account_key, messages.journey_id, periods.period_id
),

clicks as (
    select
        events.account_key,
        events.journey_id,
        periods.period_id,
        count(*) as email_clicks
    from {{ ref('fct_message_events') }} as events
    inner join periods
        on
            events.account_key = periods.account_key
            and {{ falls_in('periods', 'events.event_date', 'events.event_date') }}
    where not events.is_control and events.channel = 'email' and events.event_type = 'clicked'
    group by events.account_key, events.journey_id, periods.period_id
)

select
    statistics.*,
    messages.sends,
    clicks.email_clicks
from {{ ref('mart_journey_statistics') }} as statistics
left join messages
    on
        statistics.account_key = messages.account_key
        and statistics.journey_id = messages.journey_id
        and statistics.period_id = messages.period_id
left join clicks
    on
        statistics.account_key = clicks.account_key
        and statistics.journey_id = clicks.journey_id
        and statistics.period_id = clicks.period_id
where
    statistics.pw_total_sends <> coalesce(messages.sends, 0)
    or statistics.pw_push_sends <> coalesce(messages.push_sends, 0)
    or statistics.pw_sms_deliveries <> coalesce(messages.sms_deliveries, 0)
    or statistics.pw_unique_users <> coalesce(messages.users, 0)
    or statistics.pw_email_clicks_total <> coalesce(clicks.email_clicks, 0)
    or (statistics.pw_avg_ctr_pct is null) <> (statistics.avg_ctr_pooled_pct is null)
