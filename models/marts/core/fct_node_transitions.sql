{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

select
    account_key,
    event_id as from_event_id,
    next_event_id as to_event_id,
    journey_id,
    journey_version_id,
    journey_entry_id,
    node_id as from_node_id,
    next_node_id as to_node_id,
    user_key,
    seconds_to_next_node as seconds_between,
    is_control_entry as is_control,
    visit_date as transition_date,
    reporting_timezone,
    occurred_at as left_at
from {{ ref('fct_node_visits').include(database=false) }}
where next_event_id is not null
