{{ rebuilt_by('message') }}

{% set better_than_failed = [
    'sent', 'delivered', 'bounced', 'impression', 'opened', 'clicked', 'dismissed', 'read', 'replied', 'unsubscribed',
    'complained'
] %}
with events as (
    select
        *,
        event_type in ('{{ better_than_failed | join("', '") }}') as is_better_than_failed,
        event_type = 'bounced' and coalesce(bounce_type, '') = 'hard' as is_hard_bounce,
        event_type = 'bounced' and coalesce(bounce_type, '') <> 'hard' as is_soft_bounce,
        event_type in ('delivered', 'impression', 'opened', 'clicked', 'read')
        and coalesce(delivery_route, '') in ('amplification', 'app_inbox') as is_amplified_reach,
        -- An engagement without a route says nothing about the way the message came.
        (event_type in ('delivered', 'impression') and coalesce(delivery_route, '') not in ('amplification', 'app_inbox'))
        or (event_type in ('opened', 'clicked', 'read') and delivery_route in ('primary', 'retry')) as is_direct_reach
    from {{ touched(ref('int_message_events_enriched'), 'message') }} as enriched
)

select
    account_key,
    message_id,
    {% for column in [
        'journey_id', 'journey_version_id', 'node_id', 'campaign_id', 'variant_id', 'platform', 'device_model',
        'endpoint_id', 'delivery_route'
    ] %}
    min_by({{ column }}, event_index) filter (where {{ column }} is not null) as {{ column }},
    {% endfor %}
    coalesce(min_by(channel, event_index) filter (where channel is not null), 'other') as channel,
    -- An entry id that a row states is better evidence than the entry a row without one could join.
    coalesce(
        min_by(stated_entry_id, event_index) filter (where stated_entry_id is not null),
        min_by(journey_entry_id, event_index) filter (where journey_entry_id is not null)
    ) as journey_entry_id,
    min_by(user_key, event_index) as user_key,
    min_by(event_id, event_index) as first_event_id,
    min(occurred_at) as first_event_at,
    max(occurred_at) as last_event_at,
    count(*) as events_total,
    min(case when event_type = 'sent' then occurred_at end) as first_sent_at,
    min(case when is_better_than_failed then occurred_at end) as first_better_at,
    max(case when event_type = 'delivered' then occurred_at end) as last_delivered_at,
    max(case when is_hard_bounce then occurred_at end) as last_hard_bounce_at,
    max(case when is_soft_bounce then occurred_at end) as last_soft_bounce_at,
    min(case when event_type = 'delivered' then occurred_at end) as first_delivered_at,
    min(case when event_type = 'impression' then occurred_at end) as first_impression_at,
    min(case when event_type = 'opened' then occurred_at end) as first_opened_at,
    min(case when event_type = 'clicked' then occurred_at end) as first_clicked_at,
    min(case when event_type = 'read' then occurred_at end) as first_read_at,
    {% for kind, condition in [
        ('failed', "event_type = 'failed'"), ('skipped', "event_type = 'skipped'"), ('hard_bounce', 'is_hard_bounce'),
        ('soft_bounce', 'is_soft_bounce')
    ] %}
    max_by(coalesce(reason_code, ''), event_index) filter (where {{ condition }}) as {{ kind }}_reason,
    {% endfor %}
    count(case when event_type <> 'skipped' then 1 end) as attempt_events,
    count(case when event_type = 'failed' then 1 end) as failed_events,
    count(case when is_better_than_failed then 1 end) as better_events,
    count(case when event_type in ('sent', 'failed') then 1 end) as send_attempt_events,
    count(case when event_type = 'impression' then 1 end) as impressions_total,
    count(case when event_type = 'opened' then 1 end) as opens_total,
    count(case when event_type = 'opened' and not is_bot then 1 end) as opens_total_human,
    count(case when event_type = 'clicked' then 1 end) as clicks_total,
    count(case when event_type = 'clicked' and not is_bot then 1 end) as clicks_total_human,
    count(case when event_type = 'read' then 1 end) as reads_total,
    count(case when event_type = 'replied' then 1 end) as replies_total,
    count(case when event_type = 'dismissed' then 1 end) as dismissals_total,
    count(case when event_type = 'unsubscribed' then 1 end) as unsubscribes_total,
    count(case when event_type = 'complained' then 1 end) as complaints_total,
    count(case when event_type = 'streamed' then 1 end) as streamed_events,
    count(case when is_amplified_reach then 1 end) as amplified_reach_events,
    count(case when is_direct_reach then 1 end) as direct_reach_events,
    max(sms_segments) as sms_segments
from events
group by account_key, message_id
