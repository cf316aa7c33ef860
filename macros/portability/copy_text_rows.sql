{#
    copy_text_rows(table): pre-hook that keeps the rows of an event table's text files in ops.text_rows_<table>, when the run
    loads Parquet files of that table too. Those are read in place; a text file is parsed once only.
#}
{% macro copy_text_rows(table) %}
    {{- return(adapter.dispatch('copy_text_rows', 'journeys')(table)) -}}
{% endmacro %}

{% macro default__copy_text_rows(table) %}
    {{ exceptions.raise_compiler_error("copy_text_rows is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__copy_text_rows(table) %}
    {% if not execute %}{% do return('') %}{% endif %}
    {% set groups = landing_groups(table, readable_landing_files(table)) %}
    {% set text = groups | rejectattr('format', 'equalto', 'parquet') | list %}
    {% if not text or text | length == groups | length %}{% do return('') %}{% endif %}
    {% set copied = ops_table('text_rows_' ~ table) %}
    {% do run_query('create or replace table ' ~ copied ~ ' as ' ~ landing_select(table, text)) %}
    {% set malformed = insert_malformed_rows(table, copied) %}
    {% if malformed %}{% do run_query(malformed) %}{% endif %}
    {# The post-hook would add them again, to a view. #}
    {% do duckdb_drop_rejects(table) %}
    {% do return('') %}
{% endmacro %}
