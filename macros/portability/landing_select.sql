{# landing_select(table, groups): select that reads, types and checks every group of files of a table. #}
{% macro landing_select(table, groups) %}
    {{- return(adapter.dispatch('landing_select', 'journeys')(table, groups)) -}}
{% endmacro %}

{% macro default__landing_select(table, groups) %}
    {{ exceptions.raise_compiler_error("landing_select is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_select(table, groups) -%}
{#- Another run of the same process may have left its rejects on this connection. -#}
{%- do duckdb_drop_rejects(table) -%}
{%- set groups = duckdb_split_open_quotes(groups) -%}
with {% for group in groups -%}
{{ duckdb_landing_files_cte(group['files'], 'files_' ~ loop.index) }},

raw_{{ loop.index }} as (
    {{ duckdb_landing_raw(table, group, 'files_' ~ loop.index) }}
),

typed_{{ loop.index }} as (
    select
        *,
        {%- for name, type, rule in landing_raw_columns(table) %}
        {{ duckdb_conversion(name, type, duckdb_source_type(name, group))['value'] }} as {{ name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from raw_{{ loop.index }}
),

checked_{{ loop.index }} as (
    select
        *,
        {{ landing_reject_reason(table, duckdb_fallible(table, group), duckdb_is_by_line(group)) }} as reject_reason
    from typed_{{ loop.index }}
){{ ',' if not loop.last }}

{% endfor -%}
{% for group in groups -%}
{{ 'union all' if not loop.first }}
select
    {{ landing_account_key() }} as account_key,
    {%- for name, type, rule in landing_raw_columns(table) %}
    {{ landing_default(table, name) }} as {{ name }},
    {%- endfor %}
    landing__name as source_file,
    reject_reason,
    case when reject_reason is not null then {{ duckdb_rejected_row(group) }} end as rejected_row
from checked_{{ loop.index }}
{% endfor -%}
{%- endmacro %}


{# CTE with one row per file: its path, its name in source_file, and the defaults of its rows. #}
{% macro duckdb_landing_files_cte(files, name) -%}
{{ name }} as (
    select
        path as landing__path,
        name as landing__name,
        cast(received_at as timestamp) as landing__received_at,
        cast(modified_at as timestamp) as landing__modified_at
    from (
        values
        {%- for file in files %}
        (
            {{ sql_text(file['path']) }}, {{ sql_text(file['name']) }},
            {{ sql_text(file['received_at']) }}, {{ sql_text(file['modified_at']) }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as files (path, name, received_at, modified_at)
)
{%- endmacro %}


{#
    Raw columns of a group as raw__<name>, and what is kept of a rejected row: landing__row, a struct of all
    columns; when lines are read: landing__line, and landing__is_row, false for a line that is no row.
#}
{% macro duckdb_landing_raw(table, group, files) -%}
    select
        files.*,
        {%- for name, type, rule in landing_raw_columns(table) %}
        {{ duckdb_raw_value(name, type, group) }} as raw__{{ name }},
        {%- endfor %}
        {%- if duckdb_is_by_line(group) %}
        landed.is_row as landing__is_row,
        landed.line as landing__line{{ ',' if group['columns'] }}
        {%- endif %}
        {%- if group['columns'] %}
        struct_pack(
            {%- for name, type in group['columns'] %}
            {{ duckdb_name(name) }} := {{ duckdb_landed_column(group, loop.index) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as landing__row
        {%- endif %}
    from
    {%- if group['format'] == 'json' %} (
        select
            *,
            json_transform(case when is_row then line end, '{{ duckdb_json_structure(table) }}') as object
        from (
            select
                *,
                {{ duckdb_is_json_object('line') }} as is_row
            from {{ duckdb_scan(group) }}{{ duckdb_row_filter(group) }}
        )
    )
    {%- elif group['by_line'] %}
    {%- set cell = duckdb_csv_cell() %} (
        select
            *,
            regexp_full_match(line, '{{ ([cell] * (group['columns'] | length)) | join(',') }}') as is_row,
            list_transform(
                regexp_extract_all(line, '(?:^|,){{ cell }}', 1),
                lambda cell:
                    nullif(case when starts_with(cell, '"') then replace(cell[2:-2], '""', '"') else cell end, '')
            ) as cells
        from {{ duckdb_scan(group) }}{{ duckdb_row_filter(group) }}
    )
    {%- else %} {{ duckdb_scan(group) }}
    {%- endif %} as landed
    inner join {{ files }} as files
        on landed.landing__file = files.landing__path
{%- endmacro %}


{# A quoted column name. #}
{% macro duckdb_name(name) %}{% do return(adapter.quote(name | replace('"', '""'))) %}{% endmacro %}


{# Structure of a table's JSON lines for json_transform: every contract column as text. #}
{% macro duckdb_json_structure(table) -%}
    { {%- for name, type, rule in landing_raw_columns(table) -%}
        "{{ name }}": "VARCHAR"{{ ', ' if not loop.last }}
    {%- endfor -%} }
{%- endmacro %}


{# SQL of the n-th column of a scanned group. #}
{% macro duckdb_landed_column(group, position) %}
    {% if group['by_line'] %}
        {% do return('case when landed.is_row then landed.cells[' ~ position ~ '] end') %}
    {% endif %}
    {% do return('landed.' ~ duckdb_name(group['columns'][position - 1][0])) %}
{% endmacro %}


{# SQL of a raw column, empty text as null; ids and values of other types lose surrounding white space. #}
{% macro duckdb_raw_value(name, type, group) %}
    {% set position = duckdb_column_position(name, group) %}
    {% if group['format'] == 'json' %}{% set value = 'landed.object.' ~ name %}
    {% elif position %}{% set value = duckdb_landed_column(group, position) %}
    {% else %}{% do return('cast(null as string)') %}
    {% endif %}
    {% if duckdb_source_type(name, group) != 'VARCHAR' %}{% do return(value) %}{% endif %}
    {% set is_id = name.endswith('_id') or name in ('source_system', 'source_account') %}
    {% if type == 'string' and not is_id %}{% do return("nullif(" ~ value ~ ", '')") %}{% endif %}
    {% if type == 'json' %}{% set value = "nullif(" ~ value ~ ", 'null')" %}{% endif %}
    {# Only text files carry stray tabs and line ends; the plain trim is the faster one. #}
    {% set characters = '' if group['format'] == 'parquet' else ", e' \\t\\r\\n'" %}
    {% do return("nullif(trim(" ~ value ~ characters ~ "), '')") %}
{% endmacro %}


{# Position of a contract column in a group, counted from 1; none without it. #}
{% macro duckdb_column_position(name, group) %}
    {% for column in group['columns'] if column[0].lower() == name %}
        {% do return(group['columns'].index(column) + 1) %}
    {% endfor %}
    {% do return(none) %}
{% endmacro %}


{# Type of a raw__ column in the scan of a group. #}
{% macro duckdb_source_type(name, group) %}
    {% set position = duckdb_column_position(name, group) %}
    {% do return(group['columns'][position - 1][1] if position else 'VARCHAR') %}
{% endmacro %}


{#
    SQL of the first reason to reject a row: by kind (malformed, missing, ...), then in column order.
    fallible: names of the columns whose conversion can fail; by_line: whether landing__is_row tells rows from other lines
#}
{% macro landing_reject_reason(table, fallible, by_line) -%}
    {%- set missing, invalid, out_of_range, negative = [], [], [], [] -%}
    {%- for name, type, rule in landing_raw_columns(table) -%}
        {%- if rule == 'required' -%}
            {%- do missing.append(('raw__' ~ name ~ ' is null', name)) -%}
        {%- elif rule == 'required_by_node_entered' -%}
            {%- do missing.append(("lower(event_type) = 'node_entered' and raw__" ~ name ~ ' is null', name)) -%}
        {%- elif rule == 'required_by_link' -%}
            {%- do missing.append(("coalesce(lower(link_type), '') <> 'unlink' and raw__" ~ name ~ ' is null', name)) -%}
        {%- endif -%}
        {%- if name in fallible -%}
            {%- do invalid.append((name ~ ' is null and raw__' ~ name ~ ' is not null', name)) -%}
        {%- endif -%}
        {#- Other times may be what they like: a profile of 1995, a definition valid until 9999. -#}
        {%- if type == 'timestamp' and (rule == 'required' or name == 'received_at') -%}
            {%- set first = '1970-01-01' if name == 'received_at' else '2000-01-01' -%}
            {%- set is_early = name ~ " < timestamp '" ~ first ~ "'" -%}
            {%- do out_of_range.append((is_early ~ " or " ~ name ~ " >= timestamp '2100-01-01'", name)) -%}
        {%- elif name == 'window_seconds' -%}
            {%- do out_of_range.append((name ~ ' > 100000000000', name)) -%}
        {%- elif name == 'window_anchor' -%}
            {%- do invalid.append(("lower(window_anchor) not in ('" ~ (window_anchors() | join("', '")) ~ "')", name)) -%}
        {%- endif -%}
        {%- if rule == 'non_negative' -%}{%- do negative.append((name ~ ' < 0', name)) -%}{%- endif -%}
    {%- endfor -%}
    case
        {%- if by_line %}
            when not landing__is_row then 'malformed_row'
        {%- endif %}
        {%- for kind, conditions in {
            'missing': missing, 'invalid': invalid, 'out_of_range': out_of_range, 'negative': negative
        }.items() %}
        {%- for condition, name in conditions %}
            when {{ condition }} then '{{ kind }}_{{ name }}'
        {%- endfor %}
        {%- endfor %}
        end
{%- endmacro %}


{# Names of the columns whose conversion can fail. #}
{% macro duckdb_fallible(table, group) %}
    {% set names = [] %}
    {% for name, type, rule in landing_raw_columns(table) %}
        {% if duckdb_conversion(name, type, duckdb_source_type(name, group))['fallible'] %}
            {% do names.append(name) %}
        {% endif %}
    {% endfor %}
    {% do return(names) %}
{% endmacro %}


{# SQL of the original row of a group as JSON: an object, or the text of a line that is no row. #}
{% macro duckdb_rejected_row(group) %}
    {% set row = 'cast(to_json(landing__row) as varchar)' if group['columns'] else 'landing__line' %}
    {% if not duckdb_is_by_line(group) %}{% do return(row) %}{% endif %}
    {% set line = 'cast(to_json(landing__line) as varchar)' %}
    {% do return('case when landing__is_row then ' ~ row ~ ' else ' ~ line ~ ' end') %}
{% endmacro %}
