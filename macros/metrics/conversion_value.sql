{#
    Amount of a conversion: the property of the event that the goal names, else the event's own column (decision 15).
    Expects value_property, currency_property and properties beside the columns given.
#}
{% macro conversion_value(event_value) -%}
    case
        when value_property is null then {{ event_value }}
        else try_cast({{ json_text('properties', 'value_property') }} as decimal(38, 9))
    end
{%- endmacro %}


{% macro conversion_currency(event_currency) -%}
    case
        when currency_property is null then {{ event_currency }}
        else upper({{ json_text('properties', 'currency_property') }})
    end
{%- endmacro %}
