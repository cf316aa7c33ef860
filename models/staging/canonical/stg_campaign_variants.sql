{{ latest_rows('campaign_variants', ['campaign_id', 'variant_id']) }}

select
    account_key,
    campaign_id,
    variant_id,
    variant_name,
    planned_share,
    coalesce(is_control, false) as is_control,
    source_file
from final
