{#
    Tables and incremental models stay as they are in a run without anything new (run_plan.sql); otherwise dbt's own
    materialization builds them. A landed table with Parquet files is a view on them, and on the rows of its text files.
#}
{% materialization table, adapter='duckdb', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {% if in_place_marker() in sql %}{{ return(dbt.materialization_view_default()) }}{% endif %}
    {{ return(dbt.materialization_table_duckdb()) }}
{% endmaterialization %}


{% materialization incremental, adapter='duckdb', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {{ return(dbt.materialization_incremental_duckdb()) }}
{% endmaterialization %}


{# The existing relation of a model that has nothing to do in this run, else none. #}
{% macro kept_relation() %}
    {% if run_mode() != 'unchanged' %}{% do return(none) %}{% endif %}
    {% set kept = load_cached_relation(this) %}
    {% if kept is none %}{% do return(none) %}{% endif %}
    {% call noop_statement('main', 'NOTHING NEW') %}{% endcall %}
    {% do return(kept) %}
{% endmacro %}


{#
    Comment in the SQL of a landed table that needs no copy: Parquet files keep types, so that a second look at them is
    cheap, while a text file would be parsed again and its unreadable lines would be lost.
#}
{% macro in_place_marker() %}{% do return('-- Read in place.') %}{% endmacro %}
