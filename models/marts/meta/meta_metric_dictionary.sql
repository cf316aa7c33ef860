with described as (
    select *
    from (
        values
        ({% for name in dictionary_columns() %}cast(null as string){{ ', ' if not loop.last }}{% endfor %})
        {% for row in dictionary_rows() %}
        , (
            {% for text in row %}
            {% if text is none or text == '' %}null{% else %}'{{ text | replace("'", "''") }}'{% endif %}
            {{ ', ' if not loop.last }}
            {% endfor %}
        )
        {% endfor %}
    ) as described ({{ dictionary_columns() | join(', ') }})
)

select {{ dictionary_columns() | join(', ') }}
from described
where model_name is not null
