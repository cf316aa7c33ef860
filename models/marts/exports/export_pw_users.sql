{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

select
    coalesce(external_user_id, user_key) as external_user_id,
    pw_status,
    pw_last_step,
    hwid,
    last_node_id,
    entered_at,
    effective_exit_at,
    entry_date,
    journey_name,
    journey_id,
    journey_version_id,
    journey_entry_id,
    account_key
from {{ ref('mart_user_journeys').include(database=false) }}
