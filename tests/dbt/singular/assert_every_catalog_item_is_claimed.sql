-- Every item of the vendor pages is carried by a public column, and no column claims an item that no page has.
-- A returned row is one or the other: correct config.meta.items of the column, or the seed catalog_items.
with claims as (
    select
        model_name,
        column_name,
        catalog_items,
        ' ' || catalog_items || ' ' as padded_items
    from {{ ref('meta_metric_dictionary') }}
    where catalog_items is not null
),

items as (
    select
        catalog_item_id,
        '% ' || catalog_item_id || ' %' as pattern
    from {{ ref('catalog_items') }}
),

unclaimed as (
    select
        'no column claims it' as problem,
        items.catalog_item_id as catalog_items,
        cast(null as string) as model_name,
        cast(null as string) as column_name
    from items
    left join claims on claims.padded_items like items.pattern
    where claims.column_name is null
),

-- Claimed items are parted by single blanks, so an unknown one makes the list longer than its known items.
unknown as (
    select
        'no page has one of them' as problem,
        claims.catalog_items,
        claims.model_name,
        claims.column_name
    from claims
    left join items on claims.padded_items like items.pattern
    group by claims.model_name, claims.column_name, claims.catalog_items
    having length(claims.catalog_items) <> coalesce(sum(length(items.catalog_item_id) + 1), 0) - 1
)

select * from unclaimed
union all
select * from unknown
