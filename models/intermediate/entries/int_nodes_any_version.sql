-- One description per node over its versions: the newest version that says anything wins (names change, ids do not).
with nodes as (
    select
        stg_nodes.*,
        row_number() over (
            partition by stg_nodes.account_key, stg_nodes.journey_id, stg_nodes.node_id
            order by versions.version_number nulls last, stg_nodes.received_at, stg_nodes.journey_version_id
        ) as version_order
    from {{ ref('stg_nodes') }} as stg_nodes
    left join {{ ref('stg_journey_versions') }} as versions
        on
            stg_nodes.account_key = versions.account_key
            and stg_nodes.journey_id = versions.journey_id
            and stg_nodes.journey_version_id = versions.journey_version_id
)

select
    account_key,
    journey_id,
    node_id,
    {% for column in [
        'node_name', 'node_type', 'channel', 'campaign_id', 'is_terminal', 'position', 'stable_node_key'
    ] %}
    max_by({{ column }}, version_order) filter (where {{ column }} is not null)
        as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from nodes
group by account_key, journey_id, node_id
