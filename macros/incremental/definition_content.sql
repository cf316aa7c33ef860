{# Columns as one text that differs whenever one of them does. #}
{% macro definition_content(columns) -%}
    {%- for column in columns -%}
        coalesce(cast({{ column }} as string), chr(30)){{ " || chr(31) || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
