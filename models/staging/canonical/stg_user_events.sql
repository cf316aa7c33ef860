{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

select
    account_key,
    event_id,
    event_name,
    user_key,
    user_id,
    user_id_type,
    occurred_at,
    value,
    upper(currency) as currency,
    properties,
    order_id,
    session_id,
    device_id,
    platform,
    attributed_message_id,
    received_at,
    source_file
from {{ ref('stg_user_events_history').include(database=false) }}
where copy_rank = 1 and not is_test_row
