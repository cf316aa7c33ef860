{% set days = [0, 1, 3, 7, 14, 30] %}
with entries as (
    select
        entries.account_key,
        entries.journey_id,
        entries.journey_version_id,
        entries.entry_date,
        entries.reporting_timezone,
        entries.user_key,
        entries.entered_at,
        entries.is_window_closed,
        ({{ epoch_us('settings.as_of') }} - {{ epoch_us('entries.entered_at') }}) / 1000000.0
            as observed_seconds
    from {{ ref('fct_journey_entries') }} as entries
    inner join {{ ref('stg_settings') }} as settings
        on entries.account_key = settings.account_key
    where not entries.is_control
),

cohorts as (
    select
        account_key,
        journey_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        entry_date,
        reporting_timezone,
        count(*) as entries,
        count(distinct user_key) as entry_users,
        count(case when is_window_closed then 1 end) as entries_matured,
        min(observed_seconds) as observed_seconds
    from entries
    group by {{ grouping_sets([
        ['account_key', 'journey_id', 'entry_date', 'reporting_timezone'],
        ['account_key', 'journey_id', 'journey_version_id', 'entry_date', 'reporting_timezone'],
    ]) }}
),

conversions as (
    select
        account_key,
        journey_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        entry_date,
        {% for day in days -%}
        count(case when seconds_to_convert < {{ (day + 1) * 86400 }} then 1 end)
            as converted_users_day_{{ day }},
        {% endfor -%}
        count(*) as converted_users
    from {{ ref('fct_conversions') }}
    where is_first_conversion and is_headline_goal and not is_control
    group by {{ grouping_sets([
        ['account_key', 'journey_id', 'entry_date'],
        ['account_key', 'journey_id', 'journey_version_id', 'entry_date'],
    ]) }}
)

select
    cohorts.account_key,
    cohorts.journey_id,
    cohorts.version_group as journey_version_id,
    cohorts.entry_date as date_day,
    cohorts.reporting_timezone,
    'entry_cohort' as date_basis,
    cast(cohorts.entries as bigint) as entries,
    cast(cohorts.entry_users as bigint) as entry_users,
    cast(cohorts.entries_matured as bigint) as entries_matured,
    cast(cohorts.entries - cohorts.entries_matured as bigint) as entries_pending,
    {% for day in days -%}
    -- A cohort younger than the day is unknown, not unconverted (R21).
    cast(case
        when cohorts.observed_seconds >= {{ (day + 1) * 86400 }}
            then coalesce(conversions.converted_users_day_{{ day }}, 0)
    end as bigint) as converted_users_day_{{ day }},
    {% endfor -%}
    cast(coalesce(conversions.converted_users, 0) as bigint) as cohort_converted_users,
    cast({{ rate('coalesce(conversions.converted_users, 0)', 'cohorts.entry_users') }} as double)
        as cohort_conversion_rate
from cohorts
left join conversions
    on
        cohorts.account_key = conversions.account_key
        and cohorts.journey_id = conversions.journey_id
        and cohorts.version_group = conversions.version_group
        and cohorts.entry_date = conversions.entry_date
