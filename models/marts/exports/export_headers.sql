{% set names = [
    'export_name', 'column_name', 'header', 'filter_name', 'grain', 'export_description', 'column_description'
] %}
{% set rows = [] %}
{% if execute %}
{% for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') %}
{% for column in node.columns.values() if column.config.meta.get('header') %}
{% do rows.append([
    node.name, column.name, column.config.meta.header, column.config.meta.get('filter'),
    node.config.meta.grain | join(', '), node.description, column.description
]) %}
{% endfor %}
{% endfor %}
{% endif %}
with described as (
    select *
    from (
        values
        {% for row in rows %}
        (
            {% for text in row %}
            {% if text is none %}null{% else %}'{{ text | replace("'", "''") }}'{% endif %},
            {% endfor %}
            {{ loop.index }}
        ),
        {% endfor %}
        ({% for name in names %}cast(null as string), {% endfor %}0)
    ) as described ({{ names | join(', ') }}, listed_at)
)

select
    export_name,
    column_name,
    row_number() over (partition by export_name order by listed_at) as column_position,
    header,
    filter_name,
    grain,
    export_description,
    column_description
from described
where listed_at > 0
