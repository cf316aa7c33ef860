{#
    landing_select(table, groups)      select that reads and types every group of files of a table
    insert_malformed_rows(table)       post-hook: adds the lines that the scan of the model could not read as rows
    landing_row_count(table)           number of raw rows in the files, counted without the models
#}
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
    {{ duckdb_landing_typed(table, group, 'raw_' ~ loop.index) }}
),

checked_{{ loop.index }} as (
    select
        *,
        {{ duckdb_landing_reject_reason(table, group) }} as reject_reason
    from typed_{{ loop.index }}
){{ ',' if not loop.last }}

{% endfor -%}
{% for group in groups -%}
{{ 'union all' if not loop.first }}
{{ duckdb_landing_final(table, group, 'checked_' ~ loop.index) }}
{% endfor -%}
{%- endmacro %}


{# CTE with one row per file: its path, its name in source_file, and the defaults of its rows. #}
{% macro duckdb_landing_files_cte(files, name) -%}
{{ name }} (landing__path, landing__name, landing__received_at, landing__modified_at) as (
    values
    {%- for file in files %}
        ({{ sql_text(file['path']) }}, {{ sql_text(file['name']) }}, cast({{ sql_text(file['received_at']) }} as timestamp), cast({{ sql_text(file['modified_at']) }} as timestamp)){{ ',' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}


{# Raw columns as raw__<name>, and landing__row: what is kept of a rejected row. #}
{% macro duckdb_landing_raw(table, group, files) -%}
    select
        files.landing__name, files.landing__received_at, files.landing__modified_at,
        {%- for name, type, rule in landing_raw_columns(table) %}
        {{ duckdb_raw_value(name, type, group) }} as raw__{{ name }},
        {%- endfor %}
        {%- if is_read_by_line(group) %}
        landed.is_row as landing__is_row,
        landed.line as landing__line{{ ',' if group['format'] == 'csv' }}
        {%- endif %}
        {%- if group['format'] != 'json' %}
        struct_pack(
            {%- for name, type in group['columns'] %}
            {{ adapter.quote(name | replace('"', '""')) }} := {{ duckdb_landed_column(group, loop.index) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as landing__row
        {%- endif %}
    {%- if group['format'] == 'json' %}
    from (
        select
            *,
            json_transform(
                case when is_row then line end,
                '{ {%- for name, type, rule in landing_raw_columns(table) %}"{{ name }}": "VARCHAR"{{ ', ' if not loop.last }}{% endfor -%} }'
            ) as object
        from (
            select
                *,
                json_valid(line) and starts_with(ltrim(line, e' \t'), '{') as is_row
            from {{ duckdb_scan(group) }}{{ duckdb_row_filter(group) }}
        )
    ) as landed
    {%- elif group['by_line'] %}
    from (
        select
            *,
            regexp_full_match(line, '({{ duckdb_csv_cell() }})(,({{ duckdb_csv_cell() }})){ {{- group['columns'] | length - 1 -}} }') as is_row,
            list_transform(
                regexp_extract_all(line, '(?:^|,)({{ duckdb_csv_cell() }})', 1),
                lambda cell: case when starts_with(cell, '"') then replace(cell[2:-2], '""', '"') else cell end
            ) as cells
        from {{ duckdb_scan(group) }}{{ duckdb_row_filter(group) }}
    ) as landed
    {%- else %}
    from {{ duckdb_scan(group) }} as landed
    {%- endif %}
    inner join {{ files }} as files
        on landed.landing__file = files.landing__path
{%- endmacro %}


{# Pattern of a CSV cell on one line: quoted, or without a quote at its start. #}
{% macro duckdb_csv_cell() %}{% do return('"(?:[^"]|"")*"|[^",][^,]*|') %}{% endmacro %}


{# SQL of the n-th column of a scanned group. #}
{% macro duckdb_landed_column(group, position) %}
    {% if group['by_line'] %}{% do return('case when landed.is_row then landed.cells[' ~ position ~ '] end') %}{% endif %}
    {% do return('landed.' ~ adapter.quote(group['columns'][position - 1][0] | replace('"', '""'))) %}
{% endmacro %}


{# A raw column with empty text as null; ids and non-text values lose surrounding white space. #}
{% macro duckdb_raw_value(name, type, group) -%}
    {%- if group['format'] == 'json' -%}
        {%- set value, source = 'landed.object.' ~ name, 'VARCHAR' -%}
    {%- else -%}
        {%- set position = duckdb_column_position(name, group) -%}
        {%- if not position -%}{{- return('cast(null as string)') -}}{%- endif -%}
        {%- set value, source = duckdb_landed_column(group, position), group['columns'][position - 1][1] -%}
    {%- endif -%}
    {%- if source != 'VARCHAR' -%}{{- return(value) -}}{%- endif -%}
    {%- set is_text = type == 'string' and not name.endswith('_id') and name not in ('source_system', 'source_account') -%}
    {%- if is_text -%}{{- return("nullif(" ~ value ~ ", '')") -}}{%- endif -%}
    {%- if type == 'json' -%}{%- set value = 'nullif(' ~ value ~ ", 'null')" -%}{%- endif -%}
    {#- Only the text formats carry stray tabs and line ends; the plain trim is the faster one. -#}
    {%- set trimmed = 'trim(' ~ value ~ ')' if group['format'] == 'parquet' else "trim(" ~ value ~ ", e' \\t\\r\\n')" -%}
    {{- return("nullif(" ~ trimmed ~ ", '')") -}}
{%- endmacro %}


{# Position of a contract column in a group, counted from 1; none without it. #}
{% macro duckdb_column_position(name, group) %}
    {% for column, type in group['columns'] if column.lower() == name %}
        {% do return(group['columns'].index((column, type)) + 1) %}
    {% endfor %}
    {% do return(none) %}
{% endmacro %}


{# Type of a raw__ column in the scan of a group. #}
{% macro duckdb_source_type(name, group) %}
    {% set position = duckdb_column_position(name, group) %}
    {% do return(group['columns'][position - 1][1] if position else 'VARCHAR') %}
{% endmacro %}


{# Adds each column in its contract type, null where the raw value cannot be converted. #}
{% macro duckdb_landing_typed(table, group, relation) -%}
    select
        *,
        {%- for name, type, rule in landing_raw_columns(table) %}
        {{ duckdb_conversion(name, type, duckdb_source_type(name, group))['value'] }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}


{# First reason to reject a row: malformed, missing, invalid, out of range, negative; then column order. #}
{% macro duckdb_landing_reject_reason(table, group) -%}
    {%- set missing, invalid, out_of_range, negative = [], [], [], [] -%}
    {%- for name, type, rule in landing_raw_columns(table) -%}
        {%- if rule == 'required' -%}
            {%- do missing.append("when raw__" ~ name ~ " is null then 'missing_" ~ name ~ "'") -%}
        {%- endif -%}
        {%- if duckdb_conversion(name, type, duckdb_source_type(name, group))['fallible'] -%}
            {%- do invalid.append("when " ~ name ~ " is null and raw__" ~ name ~ " is not null then 'invalid_" ~ name ~ "'") -%}
        {%- endif -%}
        {%- if type == 'timestamp' -%}
            {%- set first = '1970-01-01' if name == 'received_at' else '2000-01-01' -%}
            {%- do out_of_range.append(
                "when " ~ name ~ " < timestamp '" ~ first ~ "' or " ~ name ~ " >= timestamp '2100-01-01' then 'out_of_range_" ~ name ~ "'"
            ) -%}
        {%- elif name == 'window_seconds' -%}
            {%- do out_of_range.append("when window_seconds > 100000000000 then 'out_of_range_window_seconds'") -%}
        {%- endif -%}
        {%- if rule == 'non_negative' -%}
            {%- do negative.append("when " ~ name ~ " < 0 then 'negative_" ~ name ~ "'") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set cases = missing + invalid + out_of_range + negative -%}
    {%- if is_read_by_line(group) -%}{%- set cases = ["when not landing__is_row then 'malformed_row'"] + cases -%}{%- endif -%}
    case
            {{ cases | join('\n            ') }}
        end
{%- endmacro %}


{# The original row of a group as JSON: an object, or the text of a line that is no row. #}
{% macro duckdb_rejected_row(group) %}
    {% set row = 'landing__line' if group['format'] == 'json' else 'cast(to_json(landing__row) as varchar)' %}
    {% if not is_read_by_line(group) %}{% do return(row) %}{% endif %}
    {% do return('case when landing__is_row then ' ~ row ~ ' else cast(to_json(landing__line) as varchar) end') %}
{% endmacro %}


{# True for a group whose scan yields lines: JSON, and CSV with open quotes. #}
{% macro is_read_by_line(group) %}{% do return(group['format'] == 'json' or group['by_line']) %}{% endmacro %}


{# The staged columns of a group, with the defaults of the envelope. #}
{% macro duckdb_landing_final(table, group, relation) -%}
select
    {{ landing_system() }} || '/' || {{ landing_account() }} as account_key,
    {%- for name, type, rule in landing_raw_columns(table) %}
    {{ duckdb_landing_default(table, name) }} as {{ name }},
    {%- endfor %}
    landing__name as source_file,
    reject_reason,
    case when reject_reason is not null then {{ duckdb_rejected_row(group) }} end as rejected_row
from {{ relation }}
{%- endmacro %}


{% macro landing_system() %}{% do return("coalesce(source_system, " ~ sql_text(var('default_source_system')) ~ ")") %}{% endmacro %}
{% macro landing_account() %}{% do return("coalesce(source_account, " ~ sql_text(var('default_source_account')) ~ ")") %}{% endmacro %}


{# A staged column with its default. #}
{% macro duckdb_landing_default(table, name) -%}
    {%- if name == 'source_system' -%}{{- return(landing_system()) -}}
    {%- elif name == 'source_account' -%}{{- return(landing_account()) -}}
    {%- elif name == 'batch_id' and table != 'load_batches' -%}{{- return('coalesce(batch_id, landing__name)') -}}
    {%- elif name == 'schema_version' -%}{{- return("coalesce(schema_version, '1.0')") -}}
    {%- elif name == 'loaded_at' -%}{{- return('coalesce(loaded_at, landing__modified_at)') -}}
    {%- elif name == 'received_at' -%}
        {%- set occurred = ', occurred_at' if 'occurred_at' in contract_tables()[table]['columns'] | map(attribute=0) else '' -%}
        {{- return('coalesce(received_at, landing__received_at' ~ occurred ~ ')') -}}
    {%- elif name == 'event_id' -%}
        {%- set parts = [landing_system() ~ " || '/' || " ~ landing_account()] -%}
        {%- set columns = contract_tables()[table]['columns'] | map(attribute=0) | list -%}
        {%- for column in ['event_type', 'event_name', 'user_id', 'journey_entry_id', 'node_id', 'message_id', 'link_id'] if column in columns -%}
            {%- do parts.append("coalesce(" ~ column ~ ", '')") -%}
        {%- endfor -%}
        {%- do parts.append("coalesce(cast(epoch_us(occurred_at) as varchar), '')") -%}
        {%- set hash = "'hash:' || md5(" ~ (parts | join(" || chr(31) || ")) ~ ")" -%}
        {{- return("coalesce(event_id, source_record_id, case when reject_reason is null then " ~ hash ~ " end)") -}}
    {%- else -%}{{- return(name) -}}
    {%- endif -%}
{%- endmacro %}


{% macro insert_malformed_rows(table) %}{{ return(adapter.dispatch('insert_malformed_rows', 'journeys')(table)) }}{% endmacro %}

{% macro default__insert_malformed_rows(table) %}
    {{ exceptions.raise_compiler_error("insert_malformed_rows is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__insert_malformed_rows(table) %}
    {% if not execute %}{% do return('') %}{% endif %}
    {% set rejects = duckdb_rejects(table) %}
    {% if not rejects %}{% do return('') %}{% endif %}
    {% set filled = {
        'source_system': sql_text(var('default_source_system')),
        'source_account': sql_text(var('default_source_account')),
        'batch_id': 'files.landing__name',
        'received_at': 'files.landing__received_at',
        'loaded_at': 'files.landing__modified_at',
        'schema_version': "'1.0'",
    } %}
    {% if table == 'load_batches' %}{% do filled.pop('batch_id') %}{% endif %}
    {% set columns = ['account_key', 'source_file', 'reject_reason', 'rejected_row'] + (filled | list) %}
    {% set insert -%}
        insert into {{ this }} ({{ columns | join(', ') }})
        with {{ duckdb_landing_files_cte(landing_files(table), 'files') }},

        malformed as ({{ duckdb_malformed_lines(rejects) }})

        select
            {{ filled['source_system'] }} || '/' || {{ filled['source_account'] }},
            files.landing__name,
            'malformed_row',
            cast(to_json(malformed.csv_line) as varchar),
            {{ filled.values() | join(', ') }}
        from malformed
        inner join files
            on malformed.file_path = files.landing__path
    {%- endset %}
    {% do return(insert) %}
{% endmacro %}


{# Names of the temporary tables that hold the lines a scan of this connection could not read. #}
{% macro duckdb_rejects(id) %}
    {% do return(run_query(
        "select table_name from duckdb_tables() where temporary and regexp_full_match(table_name, 'landing_rejects_" ~ id
        ~ "_[0-9_]+') order by table_name"
    ).columns[0].values()) %}
{% endmacro %}


{% macro duckdb_drop_rejects(id) %}
    {% for name in duckdb_rejects(id) %}
        {% do run_query('drop table ' ~ name) %}
        {% do run_query('drop table ' ~ name | replace('rejects', 'scans')) %}
    {% endfor %}
{% endmacro %}


{# One row per line of the rejects tables; a line has an error for each of its bad columns. #}
{% macro duckdb_malformed_lines(rejects) -%}
    {%- for name in rejects %}
        {{ 'union all' if not loop.first }}
        select distinct scans.file_path, rejects.line_byte_position, rejects.csv_line
        from {{ name }} as rejects
        inner join {{ name | replace('rejects', 'scans') }} as scans
            on rejects.scan_id = scans.scan_id and rejects.file_id = scans.file_id
    {%- endfor -%}
{%- endmacro %}


{% macro landing_row_count(table) %}{{ return(adapter.dispatch('landing_row_count', 'journeys')(table)) }}{% endmacro %}

{% macro default__landing_row_count(table) %}
    {{ exceptions.raise_compiler_error("landing_row_count is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_row_count(table) %}
    {% if not execute %}{% do return('0') %}{% endif %}
    {% set id = 'count_' ~ table %}
    {% do duckdb_drop_rejects(id) %}
    {% set queries = ['select 0 as row_count'] %}
    {% for group in duckdb_split_open_quotes(landing_groups(id, readable_landing_files(table))) %}
        {% if group['format'] == 'parquet' %}
            {% do queries.append(
                "select sum(num_rows) from parquet_file_metadata("
                ~ duckdb_paths(group['files'] | map(attribute='path')) ~ ")"
            ) %}
        {% else %}
            {% do queries.append("select count(*) from " ~ duckdb_scan(group) ~ duckdb_row_filter(group)) %}
        {% endif %}
    {% endfor %}
    {% set rows = run_query("select sum(row_count) from (" ~ (queries | join(' union all ')) ~ ")").rows[0][0] | int %}
    {# The rejected lines are known only after the scan, hence a second query. #}
    {% set rejects = duckdb_rejects(id) %}
    {% if rejects %}
        {% set rows = rows + run_query("select count(*) from (" ~ duckdb_malformed_lines(rejects) ~ ")").rows[0][0] | int %}
    {% endif %}
    {% do return(rows | string) %}
{% endmacro %}


{# Lines of white space are no rows. #}
{% macro duckdb_row_filter(group) %}
    {% do return(" where trim(line, e' \\t\\r\\n') <> ''" if is_read_by_line(group) else '') %}
{% endmacro %}
