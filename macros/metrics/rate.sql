{# numerator / denominator as a double; null when the denominator is 0 (R17). #}
{% macro rate(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif({{ denominator }}, 0)
{%- endmacro %}


{# The same times 100. #}
{% macro pct(numerator, denominator) -%}
    100 * cast({{ numerator }} as double) / nullif({{ denominator }}, 0)
{%- endmacro %}
