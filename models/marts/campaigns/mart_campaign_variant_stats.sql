with {{ message_measure_ctes(
    [('campaign_id', "coalesce(messages.campaign_id, 'none')"), ('variant_id', 'messages.variant_id')],
    [['variant_id'], ['campaign_id', 'variant_id']],
    'messages.variant_id is not null'
) }},

variant_channels as (
    select
        account_key,
        {{ all_when_rolled_up('campaign_id') }} as campaign_group,
        variant_id,
        case when count(distinct channel) = 1 then max(channel) else 'ALL' end as channel
    from (
        select
            account_key,
            coalesce(campaign_id, 'none') as campaign_id,
            variant_id,
            channel
        from {{ ref('fct_messages') }}
        where not is_control and variant_id is not null
    ) as variant_messages
    group by {{ grouping_sets([
        ['account_key', 'variant_id'],
        ['account_key', 'campaign_id', 'variant_id'],
    ]) }}
)

select
    message_measures.account_key,
    message_measures.campaign_id,
    message_measures.variant_id,
    coalesce(variants.variant_name, message_measures.variant_id) as variant_name,
    variants.planned_share,
    variant_channels.channel,
    {{ message_measure_columns('variant_channels.channel') }}
from message_measures
left join {{ ref('dim_variant') }} as variants
    on
        message_measures.account_key = variants.account_key
        and message_measures.campaign_id = variants.campaign_id
        and message_measures.variant_id = variants.variant_id
left join variant_channels
    on
        message_measures.account_key = variant_channels.account_key
        and message_measures.campaign_id = variant_channels.campaign_group
        and message_measures.variant_id = variant_channels.variant_id
