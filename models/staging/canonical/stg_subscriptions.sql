{{ latest_rows('subscriptions', ['user_id', 'channel', 'occurred_at']) }}

select
    account_key,
    user_id,
    {{ map_vocabulary('channel', 'channel') }} as channel,
    status as subscription_status,
    source as subscription_source,
    occurred_at,
    source_file
from final
