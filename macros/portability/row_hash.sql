{# row_hash(columns): a 64-bit number made of several columns; equal rows have equal numbers, different ones nearly always differ. #}
{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash', 'journeys')(columns)) }}{% endmacro %}

{% macro default__row_hash(columns) %}
    {{ exceptions.raise_compiler_error("row_hash is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__row_hash(columns) %}hash({{ columns | join(', ') }}){% endmacro %}

{% macro spark__row_hash(columns) %}xxhash64({{ columns | join(', ') }}){% endmacro %}
