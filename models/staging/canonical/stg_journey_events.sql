{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

select
    account_key,
    event_id,
    {{ map_vocabulary('event_type', 'journey_event_type') }} as event_type,
    event_type as event_type_raw,
    journey_id,
    journey_version_id,
    journey_entry_id,
    user_key,
    user_id,
    user_id_type,
    node_id,
    next_node_id,
    branch_label,
    occurred_at,
    coalesce(is_control, false) as is_control,
    control_group_type,
    variant_id,
    trigger_event_id,
    reason_code,
    exit_event_name,
    error_code,
    error_message,
    received_at,
    source_file
from {{ ref('stg_journey_events_history').include(database=false) }}
where copy_rank = 1 and not is_test_row
