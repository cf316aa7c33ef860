{#
    not_materialized(): put before the parenthesis of a CTE that is read several times, when reading its few needed columns
    again costs less than keeping all of them. Engines that never keep a CTE need nothing there.
#}
{% macro not_materialized() %}{{ return(adapter.dispatch('not_materialized', 'journeys')()) }}{% endmacro %}

{% macro default__not_materialized() %}
    {{ exceptions.raise_compiler_error("not_materialized is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__not_materialized() %}not materialized{% endmacro %}

{% macro spark__not_materialized() %}{% endmacro %}
