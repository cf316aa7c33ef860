{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

select
    entries.account_key,
    entries.journey_entry_id,
    entries.journey_id,
    entries.journey_version_id,
    journeys.journey_name,
    entries.user_key,
    users.external_user_id,
    users.hwid,
    case entries.entry_status
        when 'in_progress' then 'In Progress'
        when 'dropped_off' then 'Dropped off'
        else 'Exited'
    end as pw_status,
    case
        when entries.exit_reason_code = 'cancel_event' and entries.exit_event_name is not null
            then 'Exit by Cancel event: ' || entries.exit_event_name
        else entries.last_node_name
    end as pw_last_step,
    entries.last_node_id,
    entries.exit_reason_code,
    entries.exit_event_name,
    entries.is_converted,
    entries.is_window_closed,
    entries.entry_date,
    entries.exit_date,
    entries.reporting_timezone,
    entries.entered_at,
    entries.effective_exit_at,
    entries.converted_at
from {{ ref('fct_journey_entries').include(database=false) }} as entries
left join {{ ref('dim_journey').include(database=false) }} as journeys
    on entries.account_key = journeys.account_key and entries.journey_id = journeys.journey_id
left join {{ ref('dim_user').include(database=false) }} as users
    on entries.account_key = users.account_key and entries.user_key = users.user_key
where not entries.is_control
