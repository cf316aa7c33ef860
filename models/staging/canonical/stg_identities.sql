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
            order by
                received_at desc, occurred_at desc nulls last, canonical_id desc nulls last,
                lower(link_type) desc nulls last
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

stepped as (
    select
        walks.account_key,
        walks.alias_id,
        walks.reached_id,
        links.alias_id is null as is_end,
        -- A walk without an end goes round a cycle: its second half has left any tail and saw every member.
        walks.steps > {{ max_links // 2 }} as is_late
    from walks
    left join links
        on walks.account_key = links.account_key and walks.reached_id = links.alias_id
),

walked as (
    select
        account_key,
        alias_id,
        max(case when is_end then reached_id end) as end_id,
        min(case when is_late then reached_id end) as smallest_id,
        count(distinct case when is_late then reached_id end) as members
    from stepped
    group by account_key, alias_id
),

final as (
    select
        account_key,
        alias_id as user_id,
        coalesce(end_id, smallest_id) as user_key,
        end_id is null and members >= {{ max_links // 2 }} as is_unresolved
    from walked
)

select * from final
