with {{ message_measure_ctes(
    [('campaign_id', "coalesce(messages.campaign_id, 'none')"), ('variant_id', 'messages.variant_id')],
    [['variant_id'], ['campaign_id', 'variant_id']],
    'messages.variant_id is not null'
) }}

select
    message_measures.account_key,
    message_measures.campaign_id,
    message_measures.variant_id,
    coalesce(variants.variant_name, message_measures.variant_id) as variant_name,
    variants.planned_share,
    {{ message_measure_columns() }}
from message_measures
left join {{ ref('dim_variant') }} as variants
    on
        message_measures.account_key = variants.account_key
        and message_measures.campaign_id = variants.campaign_id
        and message_measures.variant_id = variants.variant_id
