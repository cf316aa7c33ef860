{#
    Latest usable row per key of a reference table (a later delivery replaces an earlier one).

    table: contract table; keys: its key columns; newest: columns that order rows, newest first
    Returns a select of the contract columns with account_key, received_at, source_file.
#}
{% macro latest_rows(table, keys, newest=[]) %}
with ranked as (
    select
        *,
        row_number() over (
            partition by account_key, {{ keys | join(', ') }}
            order by
                {% for column in newest %}{{ column }} desc nulls last, {% endfor %}
                received_at desc, loaded_at desc, {{ content_text(table, 'rows_') }} desc, source_file desc
        ) as recency
    from {{ ref('stg_contract__' ~ table) }} as rows_
    where reject_reason is null
),

final as (
    select
        account_key,
        {% for name, type, rule in contract_tables()[table]['columns'] %}{{ name }}, {% endfor %}
        received_at,
        source_file
    from ranked
    where recency = 1
)
{% endmacro %}
