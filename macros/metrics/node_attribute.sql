{#- What the version of a step says of it; another version is asked where that version does not configure the step (R22). -#}
{% macro node_attribute(name) -%}
    case when nodes.node_id is null then any_version.{{ name }} else nodes.{{ name }} end
{%- endmacro %}
