with profiles as (
    select
        account_key,
        user_id,
        is_test,
        row_number() over (
            partition by account_key, user_id
            order by updated_at desc nulls last, received_at desc, coalesce(is_test, false) desc, source_file desc
        ) as recency
    from {{ ref('stg_contract__users') }}
    where reject_reason is null
),

final as (
    select distinct
        profiles.account_key,
        coalesce(identities.user_key, profiles.user_id) as user_key
    from profiles
    left join {{ ref('stg_identities') }} as identities
        on profiles.account_key = identities.account_key and profiles.user_id = identities.user_id
    where profiles.recency = 1 and profiles.is_test
)

select * from final
