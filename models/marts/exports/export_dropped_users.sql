{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

-- Only the user's latest entry of a journey: whoever came back and left in order needs no follow-up.
with latest_entries as (
    select
        *,
        row_number() over (
            partition by account_key, journey_id, user_key
            order by entered_at desc, journey_entry_id desc
        ) as entry_recency
    from {{ ref('fct_journey_entries').include(database=false) }}
    where not is_control
),

entries as (
    select *
    from latest_entries
    where entry_recency = 1 and entry_status in ('dropped_off', 'in_progress')
),

last_visits as (
    select
        account_key,
        journey_entry_id,
        occurred_at as last_step_at
    from {{ ref('fct_node_visits').include(database=false) }}
    where is_last_visit
),

activities as (
    select
        account_key,
        user_key,
        occurred_at
    from {{ ref('stg_user_events').include(database=false) }}
    union all
    select
        account_key,
        user_key,
        occurred_at
    from {{ ref('fct_message_events').include(database=false) }}
    where event_type in ('opened', 'clicked', 'read', 'replied', 'dismissed') and not is_bot
),

last_activities as (
    select
        account_key,
        user_key,
        max(occurred_at) as last_activity_at
    from activities
    group by account_key, user_key
)

select
    coalesce(users.external_user_id, entries.user_key) as external_user_id,
    case when entries.entry_status = 'dropped_off' then 'Dropped off' else 'In Progress' end as pw_status,
    entries.last_node_name,
    entries.exit_reason_code,
    entries.is_converted,
    entries.entered_at,
    coalesce(last_visits.last_step_at, entries.entered_at) as last_step_at,
    entries.effective_exit_at,
    last_activities.last_activity_at,
    entries.entry_date,
    entries.last_node_id,
    entries.journey_id,
    entries.journey_version_id,
    entries.journey_entry_id,
    entries.user_key,
    entries.account_key
from entries
left join last_visits
    on entries.account_key = last_visits.account_key and entries.journey_entry_id = last_visits.journey_entry_id
left join last_activities
    on entries.account_key = last_activities.account_key and entries.user_key = last_activities.user_key
left join {{ ref('dim_user').include(database=false) }} as users
    on entries.account_key = users.account_key and entries.user_key = users.user_key
where
    not coalesce(users.is_deleted, false)
    and (
        entries.entry_status = 'dropped_off'
        or coalesce(
            last_activities.last_activity_at <= coalesce(last_visits.last_step_at, entries.entered_at), true
        )
    )
