{# Rows of a seed as literals on Spark, whose session connection does not quote the texts it binds. #}
{% macro spark__load_csv_rows(model, agate_table) %}
    {% set types = model['config'].get('column_types', {}) %}
    {% set statements = [] %}
    {% for chunk in agate_table.rows | batch(500) %}
        {% set rows = [] %}
        {% for row in chunk %}
            {% set cells = [] %}
            {% for name in agate_table.column_names %}
                {% set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) %}
                {% set value = row[loop.index0] %}
                {% do cells.append(
                    'cast(' ~ ('null' if value is none else sql_text(value | string)) ~ ' as ' ~ type ~ ')'
                ) %}
            {% endfor %}
            {% do rows.append('(' ~ (cells | join(', ')) ~ ')') %}
        {% endfor %}
        {% set insert = 'insert into ' ~ this.render() ~ ' values ' ~ (rows | join(', ')) %}
        {% do adapter.add_query(insert, abridge_sql_log=true) %}
        {% do statements.append(insert) %}
    {% endfor %}
    {{ return(statements[0]) }}
{% endmacro %}
