with entries as (
    select
        account_key,
        journey_id,
        coalesce(control_group_type, 'unknown') as control_group_type,
        count(*) as control_entries,
        count(distinct user_key) as control_users
    from {{ ref('fct_journey_entries') }}
    where is_control
    group by account_key, journey_id, coalesce(control_group_type, 'unknown')
),

conversions as (
    select
        entries.account_key,
        entries.journey_id,
        coalesce(entries.control_group_type, 'unknown') as control_group_type,
        count(distinct conversions.user_key) as control_converted_users
    from {{ ref('fct_conversions') }} as conversions
    inner join {{ ref('fct_journey_entries') }} as entries
        on
            conversions.account_key = entries.account_key
            and conversions.journey_entry_id = entries.journey_entry_id
    where conversions.is_control and conversions.is_first_conversion and conversions.is_headline_goal
    group by entries.account_key, entries.journey_id, coalesce(entries.control_group_type, 'unknown')
)

select
    entries.account_key,
    entries.journey_id,
    entries.control_group_type,
    cast(entries.control_entries as bigint) as control_entries,
    cast(entries.control_users as bigint) as control_users,
    cast(entries.control_users as bigint) as ct_control_users,
    cast(coalesce(conversions.control_converted_users, 0) as bigint) as control_converted_users,
    cast({{ rate('coalesce(conversions.control_converted_users, 0)', 'entries.control_users') }} as double)
        as control_conversion_rate
from entries
left join conversions
    on
        entries.account_key = conversions.account_key
        and entries.journey_id = conversions.journey_id
        and entries.control_group_type = conversions.control_group_type
