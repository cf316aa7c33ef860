{{ latest_rows('costs', ['cost_date', 'channel', 'campaign_id', 'currency']) }}

select
    account_key,
    cast(cost_date as date) as cost_date,
    {{ map_vocabulary('channel', 'channel') }} as channel,
    campaign_id,
    amount,
    upper(currency) as currency,
    source_file
from final
