{#
    Tables and incremental models stay as they are in a run without anything new (run_plan.sql); otherwise dbt's own
    materialization builds them.
#}
{% materialization table, adapter='duckdb', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {{ return(dbt.materialization_table_duckdb()) }}
{% endmaterialization %}


{% materialization incremental, adapter='duckdb', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {{ return(dbt.materialization_incremental_duckdb()) }}
{% endmaterialization %}


{# The existing table of a model that has nothing to do in this run, else none. #}
{% macro kept_relation() %}
    {% if run_mode() != 'unchanged' %}{% do return(none) %}{% endif %}
    {% set kept = load_cached_relation(this) %}
    {% if kept is none or kept.type != 'table' %}{% do return(none) %}{% endif %}
    {% call noop_statement('main', 'NOTHING NEW') %}{% endcall %}
    {% do return(kept) %}
{% endmacro %}
