{# The schema is the layer's own name (staging, marts, ...), without the target's prefix: one warehouse, one file. #}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- (custom_schema_name or target.schema) | trim -}}
{% endmacro %}
