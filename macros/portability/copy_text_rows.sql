{#
    copied_text_groups(groups): those of an event table's groups of landing files that are copied into ops.text_rows_<table>
    before the table is built. On DuckDB Parquet files are read in place and a text file must be parsed once only, so that
    text beside Parquet is copied.
    copy_text_rows(table): pre-hook that makes this copy.
#}
{% macro copied_text_groups(groups) %}
    {{- return(adapter.dispatch('copied_text_groups', 'journeys')(groups)) -}}
{% endmacro %}

{% macro default__copied_text_groups(groups) %}
    {{ exceptions.raise_compiler_error("copied_text_groups is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__copied_text_groups(groups) %}
    {% set text = groups | rejectattr('format', 'equalto', 'parquet') | list %}
    {% do return(text if text | length < groups | length else []) %}
{% endmacro %}

{# A table is made of all files in one statement. #}
{% macro spark__copied_text_groups(groups) %}{% do return([]) %}{% endmacro %}


{% macro copy_text_rows(table) %}
    {% if not execute %}{% do return('') %}{% endif %}
    {% set text = copied_text_groups(landing_groups(table, readable_landing_files(table))) %}
    {% if not text %}{% do return('') %}{% endif %}
    {% set copied = ops_table('text_rows_' ~ table) %}
    {% do run_query('create or replace table ' ~ copied ~ ' as ' ~ landing_select(table, text)) %}
    {% set malformed = insert_malformed_rows(table, copied) %}
    {% if malformed %}{% do run_query(malformed) %}{% endif %}
    {# The post-hook would add them again, to a view. #}
    {% do duckdb_drop_rejects(table) %}
    {% do return('') %}
{% endmacro %}
