{#
    The text as a double, or null when it is no plain number. The letters and the underscore that are refused
    appear only in words (nan, infinity) and suffixes that one engine or the other would take for a number.
#}
{% macro number_or_null(text) -%}
    case
        when {{ text }} is null or translate(lower({{ text }}), 'nfdx_', '     ') <> lower({{ text }}) then null
        else try_cast({{ text }} as double)
    end
{%- endmacro %}
