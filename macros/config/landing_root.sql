{# Folder that holds one folder of raw files per table: var landing_root, else env LANDING, else `landing`. #}
{% macro landing_root() %}
    {% set root = var('landing_root', none) or env_var('LANDING', '') or 'landing' %}
    {% do return(modules.re.sub('/+', '/', root).rstrip('/') or '/') %}
{% endmacro %}


{# The part of a path below the landing root. #}
{% macro path_below_landing_root(path) %}
    {% do return(path[(landing_root().rstrip('/') ~ '/') | length:]) %}
{% endmacro %}
