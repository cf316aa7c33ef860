{#
    Periods and date bases (R19), for the marts whose vendor page has a period filter.

    period_bases(bases)
        select of dim_period, one row per account, period and named date basis.
    falls_in(periods, event_date, cohort_date)
        condition of a join: the row's date lies in the period, on the period row's date basis. Every row lies in all time.
#}
{% macro period_bases(bases) -%}
    {%- for basis in bases %}
    select
        account_key,
        period_id,
        period_from,
        period_to,
        '{{ basis }}' as date_basis
    from {{ ref('dim_period').include(database=false) }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor -%}
{%- endmacro %}


{% macro falls_in(periods, event_date, cohort_date) -%}
    (
        {{ periods }}.period_id = 'all_time'
        or case when {{ periods }}.date_basis = 'event' then {{ event_date }} else {{ cohort_date }} end
        between {{ periods }}.period_from and {{ periods }}.period_to
    )
{%- endmacro %}
