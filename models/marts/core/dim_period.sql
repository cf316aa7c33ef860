{% set today = local_date('settings.as_of', 'settings.reporting_timezone') %}
with presets as (
    select
        settings.account_key,
        presets.period_id,
        presets.period_name,
        case
            when presets.full_days_before is null then cast('1970-01-01' as date)
            else cast({{ dbt.dateadd('day', '-presets.full_days_before', today) }} as date)
        end as period_from,
        case
            when presets.full_days_before is null then cast('2999-12-31' as date)
            when presets.includes_today then {{ today }}
            else cast({{ dbt.dateadd('day', '-1', today) }} as date)
        end as period_to,
        settings.reporting_timezone
    from {{ ref('stg_settings') }} as settings
    cross join {{ ref('period_presets') }} as presets
),

custom as (
    {% for period in var('custom_periods') or [] %}
    {% if not loop.first %}union all{% endif %}
    select
        {% if period.get('account_key') %}'{{ period["account_key"] | replace("'", "''") }}'
        {% else %}cast(null as string){% endif %} as account_key,
        cast('{{ period["from"] }}' as date) as period_from,
        cast('{{ period["to"] }}' as date) as period_to
    {% else %}
    select
        cast(null as string) as account_key,
        cast(null as date) as period_from,
        cast(null as date) as period_to
    where false
    {% endfor %}
),

custom_periods as (
    select distinct
        settings.account_key,
        cast(custom.period_from as string) || '..' || cast(custom.period_to as string) as period_id,
        cast(custom.period_from as string) || ' to ' || cast(custom.period_to as string) as period_name,
        custom.period_from,
        custom.period_to,
        settings.reporting_timezone
    from custom
    inner join {{ ref('stg_settings') }} as settings
        on custom.account_key is null or custom.account_key = settings.account_key
)

select * from presets
union all
select * from custom_periods
