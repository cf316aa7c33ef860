{{ latest_rows('devices', ['device_id'], ['last_seen_at']) }}

select
    final.account_key,
    final.device_id,
    final.user_id,
    coalesce(identities.user_key, final.user_id) as user_key,
    {{ map_vocabulary('final.platform', 'platform') }} as platform,
    final.os_version,
    final.app_version,
    final.sdk_version,
    final.push_token_status,
    final.first_seen_at,
    final.last_seen_at,
    final.source_file
from final
left join {{ ref('stg_identities') }} as identities
    on final.account_key = identities.account_key and final.user_id = identities.user_id
