-- Entries and first conversions of the entry days add up to the journey; a later day of a cohort never has
-- fewer conversions (R19). A returned row is a journey or cohort where this fails.
with cohorts as (
    select
        account_key,
        journey_id,
        journey_version_id,
        sum(entries) as entries,
        sum(entries_matured) as entries_matured,
        sum(cohort_converted_users) as converted_users,
        max(case
            when
                converted_users_day_0 > converted_users_day_1 or converted_users_day_1 > converted_users_day_3
                or converted_users_day_3 > converted_users_day_7
                or converted_users_day_7 > converted_users_day_14
                or converted_users_day_14 > converted_users_day_30
                or coalesce(converted_users_day_30, converted_users_day_0, 0) > cohort_converted_users
                then 1
            else 0
        end) as has_falling_days
    from {{ ref('mart_journey_entry_cohort') }}
    group by account_key, journey_id, journey_version_id
)

select
    cohorts.*,
    overview.total_entries,
    overview.entries_window_closed,
    overview.cohort_converted_users
from {{ ref('mart_journey_overview') }} as overview
left join cohorts
    on
        overview.account_key = cohorts.account_key
        and overview.journey_id = cohorts.journey_id
        and overview.journey_version_id = cohorts.journey_version_id
where
    overview.period_id = 'all_time'
    and (
        coalesce(cohorts.entries, 0) <> overview.total_entries
        or coalesce(cohorts.entries_matured, 0) <> overview.entries_window_closed
        or coalesce(cohorts.converted_users, 0) <> overview.cohort_converted_users
        or coalesce(cohorts.has_falling_days, 0) = 1
    )
