{#
    semi_join()     words between two relations of a from clause: rows of the left one that have a match in the right one,
                    each once.

    DuckDB runs an `exists` beside another condition as a join that first copies the left rows; these words it runs as
    a filter while it reads them.
#}
{% macro semi_join() %}{{ return(adapter.dispatch('semi_join', 'journeys')()) }}{% endmacro %}

{% macro default__semi_join() %}
    {{ exceptions.raise_compiler_error("semi_join is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__semi_join() %}{{ return('semi join') }}{% endmacro %}

{% macro spark__semi_join() %}{{ return('left semi join') }}{% endmacro %}
