{# The folder that holds one folder of raw files per table: var landing_root, else env LANDING, else `landing`. #}
{% macro landing_root() %}
    {% set root = var('landing_root', none) or env_var('LANDING', '') or 'landing' %}
    {% do return(root.rstrip('/') or '/') %}
{% endmacro %}
