{#
    GROUPING SETS over lists of columns: `group by {{ grouping_sets([['a'], ['a', 'b']]) }}`.

    sqlfluff's DuckDB grammar does not know the clause: its own target sees the longest set as a plain list instead.
#}
{% macro grouping_sets(sets) -%}
    {%- if target.name == 'lint' -%}
        {%- set longest = namespace(columns=[]) -%}
        {%- for columns in sets if columns | length > longest.columns | length -%}
            {%- set longest.columns = columns -%}
        {%- endfor -%}
        {{ longest.columns | join(', ') }}
    {%- else -%}
        grouping sets (
            {% for columns in sets %}({{ columns | join(', ') }}){{ ', ' if not loop.last }}{% endfor %}
        )
    {%- endif -%}
{%- endmacro %}
