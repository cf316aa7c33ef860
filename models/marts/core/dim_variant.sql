with named as (
    select
        account_key,
        campaign_id,
        variant_id
    from {{ ref('stg_campaign_variants') }}
    union
    select
        account_key,
        campaign_id,
        variant_id
    from {{ ref('fct_messages') }}
    where campaign_id is not null and variant_id is not null
)

select
    named.account_key,
    named.campaign_id,
    named.variant_id,
    coalesce(variants.variant_name, named.variant_id) as variant_name,
    variants.planned_share,
    coalesce(variants.is_control, false) as is_control,
    variants.variant_id is null as is_inferred
from named
left join {{ ref('stg_campaign_variants') }} as variants
    on
        named.account_key = variants.account_key
        and named.campaign_id = variants.campaign_id
        and named.variant_id = variants.variant_id
