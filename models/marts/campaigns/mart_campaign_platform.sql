with {{ message_measure_ctes(
    [
        ('campaign_id', 'messages.campaign_id'),
        ('platform', 'messages.platform'),
        ('device_model', 'messages.device_model'),
    ],
    [['campaign_id'], ['campaign_id', 'platform'], ['campaign_id', 'platform', 'device_model']],
    'messages.campaign_id is not null'
) }},

totals as (
    select
        account_key,
        campaign_id,
        messages_impressed
    from message_measures
    where platform = 'ALL'
)

select
    message_measures.account_key,
    message_measures.campaign_id,
    message_measures.platform,
    message_measures.device_model,
    cast(message_measures.messages_attempted as bigint) as messages_attempted,
    cast(message_measures.messages_accepted as bigint) as messages_accepted,
    cast(message_measures.messages_failed as bigint) as messages_failed,
    cast(message_measures.messages_delivered as bigint) as messages_delivered,
    cast(message_measures.messages_impressed as bigint) as messages_impressed,
    cast(message_measures.messages_opened as bigint) as messages_opened,
    cast(message_measures.messages_clicked as bigint) as messages_clicked,
    cast(message_measures.clicks_total as bigint) as clicks_total,
    cast(message_measures.users_accepted as bigint) as users_accepted,
    cast(message_measures.devices_accepted as bigint) as devices_accepted,
    cast({{ pct('message_measures.messages_impressed', 'totals.messages_impressed') }} as double)
        as ct_impressions_share_pct,
    cast({{ pct('message_measures.messages_clicked', 'message_measures.messages_accepted') }} as double)
        as ct_clicks_pct,
    cast({{ pct('message_measures.messages_clicked', 'message_measures.messages_impressed') }} as double)
        as ct_ctr_pct
from message_measures
inner join totals
    on message_measures.account_key = totals.account_key and message_measures.campaign_id = totals.campaign_id
