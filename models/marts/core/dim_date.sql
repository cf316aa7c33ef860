with bounds as (
    select
        min(event_day) as first_day,
        max(event_day) as last_day
    from (
        select min(entry_date) as event_day from {{ ref('fct_journey_entries') }}
        union all
        select max(coalesce(exit_date, entry_date)) as event_day from {{ ref('fct_journey_entries') }}
        union all
        select min(event_date) as event_day from {{ ref('fct_message_events') }}
        union all
        select max(event_date) as event_day from {{ ref('fct_message_events') }}
        union all
        select max(conversion_date) as event_day from {{ ref('fct_conversions') }}
        union all
        select max({{ local_date('as_of', 'reporting_timezone') }}) as event_day from {{ ref('stg_settings') }}
    ) as days
),

digits as (
    select digit
    from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as digits (digit)
),

offsets as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit + 10000 * more.digit as days
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as more
),

days as (
    select cast({{ dbt.dateadd('day', 'offsets.days', 'bounds.first_day') }} as date) as date_day
    from bounds
    inner join offsets
        on offsets.days <= {{ dbt.datediff('bounds.first_day', 'bounds.last_day', 'day') }}
)

select
    date_day,
    cast(extract(year from date_day) as bigint) as year_number,
    cast(extract(quarter from date_day) as bigint) as quarter_number,
    cast(extract(month from date_day) as bigint) as month_number,
    cast(extract(week from date_day) as bigint) as iso_week,
    cast(extract(year from {{ dbt.dateadd('day', 3, dbt.date_trunc('week', 'date_day')) }}) as bigint) as iso_year,
    cast({{ dbt.datediff(dbt.date_trunc('week', 'date_day'), 'date_day', 'day') }} + 1 as bigint) as day_of_week_iso,
    {{ dbt.datediff(dbt.date_trunc('week', 'date_day'), 'date_day', 'day') }} >= 5 as is_weekend,
    cast({{ dbt.date_trunc('week', 'date_day') }} as date) as week_start,
    cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start
from days
