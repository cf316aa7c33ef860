{{ rebuilt_by('message') }}

-- Engagement uniques count the user of the engagement row, which may differ from the message's first user (F13).
select
    events.account_key,
    events.message_id,
    events.user_key,
    {{ local_date('events.occurred_at', 'settings.reporting_timezone') }} as event_date,
    count(case when events.event_type = 'impression' then 1 end) as impressions,
    count(case when events.event_type = 'opened' then 1 end) as opens,
    count(case when events.event_type = 'opened' and not events.is_bot then 1 end) as opens_human,
    count(case when events.event_type = 'clicked' then 1 end) as clicks,
    count(case when events.event_type = 'clicked' and not events.is_bot then 1 end) as clicks_human,
    count(case when events.event_type = 'read' then 1 end) as reads,
    count(case when events.event_type = 'replied' then 1 end) as replies,
    count(case when events.event_type = 'dismissed' then 1 end) as dismissals,
    count(case when events.event_type = 'unsubscribed' then 1 end) as unsubscribes,
    count(case when events.event_type = 'complained' then 1 end) as complaints
from {{ touched(ref('int_message_events_enriched'), 'message') }} as events
inner join {{ ref('stg_settings') }} as settings
    on events.account_key = settings.account_key
where
    events.event_type in (
        'impression', 'opened', 'clicked', 'read', 'replied', 'dismissed', 'unsubscribed', 'complained'
    )
group by
    events.account_key, events.message_id, events.user_key,
    {{ local_date('events.occurred_at', 'settings.reporting_timezone') }}
