{#
    apply_resources()   on-run-start: the settings memory_limit and engine_threads for this run; null leaves the engine's
                        own default, which follows the machine. And what the engine must not do to save time, as it costs memory.
#}
{% macro apply_resources() %}
    {% if execute %}{{- return(adapter.dispatch('apply_resources', 'journeys')()) -}}{% endif %}
{% endmacro %}

{% macro default__apply_resources() %}
    {{ exceptions.raise_compiler_error("apply_resources is not implemented for " ~ target.type) }}
{% endmacro %}

{# Global, as every model has its own connection. #}
{% macro duckdb__apply_resources() %}
    {% if var('memory_limit') is not none %}
        {% do run_query("set global memory_limit = '" ~ var('memory_limit') ~ "'") %}
    {% endif %}
    {% if var('engine_threads') is not none %}
        {% do run_query('set global threads = ' ~ var('engine_threads')) %}
    {% endif %}
    {# It would keep every raw row in memory, 2 kB each, because the histories read the files twice. #}
    {% do run_query("set global disabled_optimizers = 'common_subplan'") %}
{% endmacro %}

{# Memory and cores belong to the session or the cluster, which the profile describes. #}
{% macro spark__apply_resources() %}{% endmacro %}
