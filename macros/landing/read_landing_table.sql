{#
    Body of every stg_contract__<table> model: rows of the table's landing files, one row per raw row. Event tables hold
    the rows of the files this run loads (their history models keep what is needed), the other tables those of all files.

    Columns: account_key, the contract's columns, the envelope, source_file, reject_reason (null = usable),
    rejected_row (JSON of the original row, null for usable rows). A line that cannot be read as a row at all
    is inserted afterwards by a hook.
#}
{% macro read_landing_table(table) %}
    {{- config(post_hook="{{ insert_malformed_rows('" ~ table ~ "', this) }}") -}}
    {%- if table in event_tables() -%}
        {{- config(pre_hook="{{ copy_text_rows('" ~ table ~ "') }}") -}}
    {%- else -%}
        {{- config(
            materialized='incremental', incremental_strategy='changed_files', on_schema_change='fail'
        ) -}}
    {%- endif -%}
    {%- set groups = landing_groups(table, readable_landing_files(table)) if execute else [] -%}
    {%- set copied = copied_text_groups(groups) if table in event_tables() else [] -%}
    {%- set in_place = groups | reject('in', copied) | list -%}
    {%- if table in event_tables() and in_place | selectattr('format', 'equalto', 'parquet') | list %}
{{ in_place_marker() }}
{{ landing_select(table, in_place) }}
        {%- if copied %}
union all
select {{ landing_columns(table) | map(attribute=0) | join(', ') }}
from {{ ops_table('text_rows_' ~ table).include(database=false) }}
        {%- endif -%}
    {%- elif groups -%}
        {{- landing_select(table, groups) -}}
    {%- else -%}
        {{- landing_empty_select(table) -}}
    {%- endif -%}
{% endmacro %}


{# Columns of a staged table in order: [(name, type)]. #}
{% macro landing_columns(table) %}
    {% set columns = [('account_key', 'string')] %}
    {% for name, type, rule in landing_raw_columns(table) %}
        {% do columns.append((name, 'string' if type == 'json' else type)) %}
    {% endfor %}
    {% for name in ('source_file', 'reject_reason', 'rejected_row') %}
        {% do columns.append((name, 'string')) %}
    {% endfor %}
    {% do return(columns) %}
{% endmacro %}


{# Contract and envelope columns of a table; batch_id of load_batches is its key and appears once. #}
{% macro landing_raw_columns(table) %}
    {% set columns = contract_tables()[table]['columns'] | list %}
    {% set names = columns | map(attribute=0) | list %}
    {% do return(columns + (contract_envelope() | rejectattr(0, 'in', names) | list)) %}
{% endmacro %}


{# No rows, with the names and types of the staged table. #}
{% macro landing_empty_select(table) -%}
    select
    {%- for name, type in landing_columns(table) %}
        cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    where false
{%- endmacro %}
