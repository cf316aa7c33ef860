{#
    can_change_rows()           whether rows of a table can be deleted and updated. False for plain Parquet tables on Spark, which
                                are always built anew.
    delete_all_rows(relation)   statement that empties a table.
#}
{% macro can_change_rows() %}{{ return(adapter.dispatch('can_change_rows', 'journeys')()) }}{% endmacro %}

{% macro default__can_change_rows() %}
    {{ exceptions.raise_compiler_error("can_change_rows is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__can_change_rows() %}{{ return(true) }}{% endmacro %}

{% macro spark__can_change_rows() %}
    {% set format = env_var('JOURNEY_SPARK_TABLES', 'iceberg') %}
    {% if format not in ('iceberg', 'parquet') %}
        {{ exceptions.raise_compiler_error("JOURNEY_SPARK_TABLES is " ~ format ~ "; it must be iceberg or parquet.") }}
    {% endif %}
    {{ return(format == 'iceberg') }}
{% endmacro %}


{% macro delete_all_rows(relation) %}{{ return(adapter.dispatch('delete_all_rows', 'journeys')(relation)) }}{% endmacro %}

{% macro default__delete_all_rows(relation) %}
    {{ exceptions.raise_compiler_error("delete_all_rows is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__delete_all_rows(relation) %}{{ return('delete from ' ~ relation) }}{% endmacro %}

{% macro spark__delete_all_rows(relation) %}
    {{ return(('delete from ' if can_change_rows() else 'truncate table ') ~ relation) }}
{% endmacro %}
