{{ rebuilt_by('entry') }}

with anchor_kinds as (
    select *
    from (
        values
        ('message_sent', 'sent', ''),
        ('message_delivered', 'delivered', ''),
        ('message_clicked', 'clicked', ''),
        ('message_engaged', 'opened', ''),
        ('message_engaged', 'clicked', ''),
        ('message_engaged', 'read', ''),
        ('message_viewed', 'opened', 'email'),
        ('message_viewed', 'read', 'whatsapp'),
        ('message_viewed', 'impression', 'any_other')
    ) as anchor_kinds (window_anchor, event_type, channel)
),

used_anchors as (
    select distinct
        account_key,
        window_anchor
    from {{ ref('int_goal_versions') }}
    where window_anchor like 'message%'
)

select distinct
    events.account_key,
    messages.journey_entry_id,
    used_anchors.window_anchor,
    events.occurred_at
from {{ touched(ref('int_message_events_enriched'), 'message') }} as events
inner join {{ touched(ref('int_messages_rolled_up'), 'message') }} as messages
    on events.account_key = messages.account_key and events.message_id = messages.message_id
inner join anchor_kinds
    on
        events.event_type = anchor_kinds.event_type
        and anchor_kinds.channel in (
            '', case when messages.channel in ('email', 'whatsapp') then messages.channel else 'any_other' end
        )
inner join used_anchors
    on events.account_key = used_anchors.account_key and anchor_kinds.window_anchor = used_anchors.window_anchor
where messages.journey_entry_id is not null
