with named as (
    select
        account_key,
        journey_id,
        journey_version_id,
        node_id
    from {{ ref('stg_nodes') }}
    union
    select
        account_key,
        journey_id,
        journey_version_id,
        node_id
    from {{ ref('fct_node_visits') }}
    union
    select
        account_key,
        journey_id,
        journey_version_id,
        node_id
    from {{ ref('fct_messages') }}
    where journey_id is not null and node_id is not null
)

select
    named.account_key,
    named.journey_id,
    named.journey_version_id,
    named.node_id,
    coalesce(nodes.node_name, any_version.node_name, named.node_id) as node_name,
    {{ node_attribute('node_type') }} as node_type,
    {{ node_attribute('channel') }} as channel,
    {{ node_attribute('campaign_id') }} as campaign_id,
    {{ node_attribute('position') }} as position,
    {{ node_attribute('stable_node_key') }} as stable_node_key,
    coalesce({{ node_attribute('is_terminal') }}, false) as is_terminal,
    nodes.node_id is null as is_inferred
from named
left join {{ ref('stg_nodes') }} as nodes
    on
        named.account_key = nodes.account_key
        and named.journey_id = nodes.journey_id
        and named.journey_version_id = nodes.journey_version_id
        and named.node_id = nodes.node_id
left join {{ ref('int_nodes_any_version') }} as any_version
    on
        named.account_key = any_version.account_key
        and named.journey_id = any_version.journey_id
        and named.node_id = any_version.node_id
