{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

-- The user is the one of the interaction, which may differ from the message's first user (F13).
with interactions as (
    select
        account_key,
        journey_id,
        coalesce(node_id, 'none') as node_id,
        coalesce(campaign_id, 'none') as campaign_id,
        coalesce(channel, 'other') as channel,
        user_key,
        count(case when event_type = 'opened' then 1 end) as opens_total,
        count(case when event_type = 'clicked' then 1 end) as clicks_total,
        count(case when event_type = 'read' then 1 end) as reads_total,
        count(case when event_type = 'dismissed' then 1 end) as dismissals_total,
        min(occurred_at) as first_interaction_at,
        max(occurred_at) as last_interaction_at
    from {{ ref('fct_message_events').include(database=false) }}
    where
        not is_control
        and journey_id is not null
        and event_type in ('opened', 'clicked', 'read', 'dismissed')
    group by
        account_key, journey_id, coalesce(node_id, 'none'), coalesce(campaign_id, 'none'),
        coalesce(channel, 'other'), user_key
)

select
    coalesce(users.external_user_id, interactions.user_key) as external_user_id,
    coalesce(nodes.node_name, interactions.node_id) as node_name,
    interactions.opens_total,
    interactions.clicks_total,
    interactions.reads_total,
    interactions.dismissals_total,
    interactions.first_interaction_at,
    interactions.last_interaction_at,
    interactions.channel,
    interactions.journey_id,
    interactions.node_id,
    interactions.campaign_id,
    interactions.user_key,
    interactions.account_key
from interactions
left join {{ ref('dim_user').include(database=false) }} as users
    on interactions.account_key = users.account_key and interactions.user_key = users.user_key
left join {{ ref('int_nodes_any_version').include(database=false) }} as nodes
    on
        interactions.account_key = nodes.account_key
        and interactions.journey_id = nodes.journey_id
        and interactions.node_id = nodes.node_id
