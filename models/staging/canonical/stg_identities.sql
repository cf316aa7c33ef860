{% set max_links = 96 %}
with recursive visible as (
    select links.*
    from {{ ref('stg_contract__identity_links') }} as links
    inner join {{ ref('stg_settings') }} as settings
        on links.account_key = settings.account_key
    where links.reject_reason is null and links.received_at <= settings.as_of
),

ranked as (
    select
        account_key,
        alias_id,
        canonical_id,
        coalesce(lower(link_type), 'identify') as link_type,
        row_number() over (
            partition by account_key, alias_id
            order by received_at desc, occurred_at desc nulls last, canonical_id desc
        ) as recency
    from visible
),

links as (
    select
        account_key,
        alias_id,
        canonical_id
    from ranked
    where recency = 1 and link_type <> 'unlink'
),

walks as (
    select
        account_key,
        alias_id,
        canonical_id as reached_id,
        1 as steps
    from links
    union all
    select
        walks.account_key,
        walks.alias_id,
        links.canonical_id as reached_id,
        walks.steps + 1 as steps
    from walks
    inner join links
        on walks.account_key = links.account_key and walks.reached_id = links.alias_id
    where walks.steps < {{ max_links }}
),

ends as (
    select
        walks.account_key,
        walks.alias_id,
        walks.reached_id
    from walks
    left join links
        on walks.account_key = links.account_key and walks.reached_id = links.alias_id
    where links.alias_id is null
),

-- A walk without an end goes round a cycle: its second half has left any tail and saw every member.
cycles as (
    select
        walks.account_key,
        walks.alias_id,
        min(walks.reached_id) as reached_id,
        count(distinct walks.reached_id) as members
    from walks
    left join ends
        on walks.account_key = ends.account_key and walks.alias_id = ends.alias_id
    where ends.alias_id is null and walks.steps > {{ max_links // 2 }}
    group by walks.account_key, walks.alias_id
),

final as (
    select
        account_key,
        alias_id as user_id,
        reached_id as user_key,
        false as is_unresolved
    from ends
    union all
    select
        account_key,
        alias_id as user_id,
        reached_id as user_key,
        members >= {{ max_links // 2 }} as is_unresolved
    from cycles
)

select * from final
