with named as (
    select
        account_key,
        journey_id,
        journey_version_id
    from {{ ref('stg_journey_versions') }}
    union
    select
        account_key,
        journey_id,
        journey_version_id
    from {{ ref('stg_nodes') }}
    union
    select
        account_key,
        journey_id,
        coalesce(journey_version_id, 'unknown') as journey_version_id
    from {{ ref('stg_journey_events') }}
    union
    select
        account_key,
        journey_id,
        journey_version_id
    from {{ ref('fct_messages') }}
    where journey_id is not null
)

select
    named.account_key,
    named.journey_id,
    named.journey_version_id,
    versions.version_number,
    coalesce(versions.version_name, named.journey_version_id) as version_name,
    versions.migrates_active_entries,
    versions.journey_id is null as is_inferred,
    versions.published_at,
    versions.retired_at
from named
left join {{ ref('stg_journey_versions') }} as versions
    on
        named.account_key = versions.account_key
        and named.journey_id = versions.journey_id
        and named.journey_version_id = versions.journey_version_id
