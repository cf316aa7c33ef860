{{ latest_rows('users', ['user_id'], ['updated_at']) }}

select
    final.account_key,
    final.user_id,
    coalesce(identities.user_key, final.user_id) as user_key,
    final.external_user_id,
    final.created_at,
    final.country,
    final.language,
    final.timezone,
    coalesce(final.is_test, false) as is_test,
    coalesce(final.is_deleted, false) as is_deleted,
    final.deleted_at,
    final.random_bucket,
    final.attributes,
    final.updated_at,
    final.source_file
from final
left join {{ ref('stg_identities') }} as identities
    on final.account_key = identities.account_key and final.user_id = identities.user_id
