{#
    Several measures in one reading of a fact, from a list of tuples whose first part is the name of a measure.

    metric_names(metrics)       relation metrics (metric_name) of these names, to cross join a fact with
    by_metric(metrics, part)    the SQL in this part of the tuple of metrics.metric_name
#}
{% macro metric_names(metrics) -%}
    (values {% for metric in metrics %}('{{ metric[0] }}'){{ ', ' if not loop.last }}{% endfor %}) as metrics (metric_name)
{%- endmacro %}


{% macro by_metric(metrics, part) -%}
    case metrics.metric_name
        {%- for metric in metrics %} when '{{ metric[0] }}' then {{ metric[part] }}{% endfor %} end
{%- endmacro %}
