with profiles as (
    select
        *,
        row_number() over (
            partition by account_key, user_key
            order by
                case when user_id = user_key then 0 else 1 end,
                updated_at desc nulls last,
                user_id asc
        ) as profile_order
    from {{ ref('stg_users') }}
),

seen as (
    select
        account_key,
        user_key,
        entered_at as seen_at
    from {{ ref('int_entries_opened') }}
    union all
    select
        account_key,
        user_key,
        first_event_at as seen_at
    from {{ ref('fct_messages') }}
    union all
    select
        account_key,
        user_key,
        occurred_at as seen_at
    from {{ ref('stg_user_events') }}
),

observed as (
    select
        account_key,
        user_key,
        min(seen_at) as first_seen_at,
        max(seen_at) as last_seen_at
    from seen
    group by account_key, user_key
),

devices as (
    select
        account_key,
        user_key,
        device_id,
        row_number() over (
            partition by account_key, user_key
            order by last_seen_at desc nulls last, device_id desc
        ) as device_recency
    from {{ ref('stg_devices') }}
    where user_key is not null
),

named as (
    select
        account_key,
        user_key
    from observed
    union
    select
        account_key,
        user_key
    from profiles
)

select
    named.account_key,
    named.user_key,
    coalesce(profiles.external_user_id, named.user_key) as external_user_id,
    devices.device_id as hwid,
    profiles.country,
    profiles.language,
    profiles.timezone,
    profiles.random_bucket,
    coalesce(profiles.is_deleted, false) as is_deleted,
    profiles.user_id is null as is_inferred,
    profiles.created_at,
    observed.first_seen_at,
    observed.last_seen_at
from named
left join profiles
    on named.account_key = profiles.account_key and named.user_key = profiles.user_key and profiles.profile_order = 1
left join observed
    on named.account_key = observed.account_key and named.user_key = observed.user_key
left join devices
    on named.account_key = devices.account_key and named.user_key = devices.user_key and devices.device_recency = 1
left join {{ ref('stg_test_users') }} as test_users
    on named.account_key = test_users.account_key and named.user_key = test_users.user_key
where test_users.user_key is null
