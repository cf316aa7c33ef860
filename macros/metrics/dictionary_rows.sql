{#
    The public columns as the models' YAML describes them: one list of texts per column, in the order of
    dictionary_columns(). Empty while dbt only parses, and for sqlfluff, which cannot read a statement that long.
#}
{% macro dictionary_rows() %}
    {% set rows = [] %}
    {% if execute and target.name != 'lint' %}
        {% for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') %}
            {% if node.config.access == 'public' %}
                {% for column in node.columns.values() %}
                    {% set meta = column.config.meta %}
                    {% do rows.append([
                        node.schema, node.name, column.name, column.data_type, node.config.meta.get('grain', []) | join(', '),
                        column.description, meta.get('formula'), meta.get('numerator'), meta.get('denominator'),
                        meta.get('unit'), meta.get('null_meaning'), meta.get('additivity'),
                        meta.get('rules', []) | join(' '), meta.get('items', []) | join(' ')
                    ]) %}
                {% endfor %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {% do return(rows) %}
{% endmacro %}


{% macro dictionary_columns() %}
    {% do return([
        'schema_name', 'model_name', 'column_name', 'data_type', 'grain', 'definition', 'formula', 'numerator',
        'denominator', 'unit', 'null_meaning', 'additivity', 'rules', 'catalog_items'
    ]) %}
{% endmacro %}
