{#
    JSON held as text.

    json_text(json, key)                   text of a top-level property; null when missing or JSON null
    canonical_json(json)                   the same object with its top-level keys sorted, so that equal objects are equal text
    json_string(text)                      the text as a JSON string
    json_array_elements(relation, keys, json)  select: keys, element (JSON text), element_index, one row per array element;
                                           no row for what is no array
#}
{% macro json_text(json, key) %}{{ return(adapter.dispatch('json_text', 'journeys')(json, key)) }}{% endmacro %}

{% macro default__json_text(json, key) %}
    {{ exceptions.raise_compiler_error("json_text is not implemented for " ~ target.type) }}
{% endmacro %}

{# By a pointer, which can name every key; a path cannot. #}
{% macro duckdb__json_text(json, key) -%}
    json_extract_string({{ json }}, '/' || replace(replace({{ key }}, '~', '~0'), '/', '~1'))
{%- endmacro %}

{# As a map and not by a path: a path cannot name every key. #}
{% macro spark__json_text(json, key) -%}
    from_json({{ json }}, 'map<string, string>')[{{ key }}]
{%- endmacro %}


{% macro canonical_json(json) %}{{ return(adapter.dispatch('canonical_json', 'journeys')(json)) }}{% endmacro %}

{% macro default__canonical_json(json) %}
    {{ exceptions.raise_compiler_error("canonical_json is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__canonical_json(json) -%}
    case
        when json_type({{ json }}) = 'OBJECT' then '{' || array_to_string(
            list_sort(list_transform(
                map_entries(cast(cast({{ json }} as json) as map(varchar, json))),
                lambda e: to_json(e.key) || ':' || coalesce(cast(e.value as varchar), 'null')
            )), ','
        ) || '}'
        else {{ json }}
    end
{%- endmacro %}

{% macro spark__canonical_json(json) -%}
    case
        when startswith(ltrim({{ json }}), '{') then '{' || array_join(
            array_sort(transform(
                map_entries(cast(try_parse_json({{ json }}) as map<string, variant>)),
                e -> {{ json_string('e.key') }} || ':' || coalesce(to_json(e.value), 'null')
            )), ','
        ) || '}'
        else {{ json }}
    end
{%- endmacro %}


{% macro json_string(text) %}{{ return(adapter.dispatch('json_string', 'journeys')(text)) }}{% endmacro %}

{% macro default__json_string(text) %}
    {{ exceptions.raise_compiler_error("json_string is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__json_string(text) -%}
    cast(to_json({{ text }}) as varchar)
{%- endmacro %}

{% macro spark__json_string(text) -%}
    trim(trailing '}' from substr(to_json(named_struct('k', {{ text }})), 6))
{%- endmacro %}


{% macro json_array_elements(relation, keys, json) %}
    {{- return(adapter.dispatch('json_array_elements', 'journeys')(relation, keys, json)) -}}
{% endmacro %}

{% macro default__json_array_elements(relation, keys, json) %}
    {{ exceptions.raise_compiler_error("json_array_elements is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__json_array_elements(relation, keys, json) -%}
    select
        {{ keys | join(', ') }},
        cast(unnest(try_cast(try_cast({{ json }} as json) as json[])) as varchar) as element,
        generate_subscripts(try_cast(try_cast({{ json }} as json) as json[]), 1) as element_index
    from {{ relation }}
{%- endmacro %}

{% macro spark__json_array_elements(relation, keys, json) -%}
    select
        {{ keys | join(', ') }},
        to_json(element_value) as element,
        element_position + 1 as element_index
    from (
        select
            {{ keys | join(', ') }},
            posexplode(cast(try_parse_json({{ json }}) as array<variant>)) as (element_position, element_value)
        from {{ relation }}
    ) as elements
{%- endmacro %}
