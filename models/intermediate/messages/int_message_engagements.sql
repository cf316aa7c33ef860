-- Engagement uniques count the user of the engagement row, which may differ from the message's first user (F13).
select
    account_key,
    message_id,
    user_key,
    count(case when event_type = 'impression' then 1 end) as impressions,
    count(case when event_type = 'opened' then 1 end) as opens,
    count(case when event_type = 'opened' and not is_bot then 1 end) as opens_human,
    count(case when event_type = 'clicked' then 1 end) as clicks,
    count(case when event_type = 'clicked' and not is_bot then 1 end) as clicks_human,
    count(case when event_type = 'read' then 1 end) as reads,
    count(case when event_type = 'replied' then 1 end) as replies,
    count(case when event_type = 'dismissed' then 1 end) as dismissals,
    count(case when event_type = 'unsubscribed' then 1 end) as unsubscribes,
    count(case when event_type = 'complained' then 1 end) as complaints
from {{ ref('int_message_events_enriched') }}
where
    event_type in (
        'impression', 'opened', 'clicked', 'read', 'replied', 'dismissed', 'unsubscribed', 'complained'
    )
group by account_key, message_id, user_key
