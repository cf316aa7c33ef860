{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

select
    coalesce(users.external_user_id, conversions.user_key) as external_user_id,
    conversions.occurred_at as first_converted_at,
    conversions.entered_at,
    conversions.seconds_to_convert,
    conversions.conversion_date,
    journeys.journey_name,
    conversions.journey_id,
    conversions.journey_version_id,
    conversions.goal_id,
    conversions.journey_entry_id,
    conversions.user_key,
    conversions.account_key
from {{ ref('fct_conversions').include(database=false) }} as conversions
left join {{ ref('dim_user').include(database=false) }} as users
    on conversions.account_key = users.account_key and conversions.user_key = users.user_key
left join {{ ref('dim_journey').include(database=false) }} as journeys
    on conversions.account_key = journeys.account_key and conversions.journey_id = journeys.journey_id
where conversions.is_first_conversion and not conversions.is_control
