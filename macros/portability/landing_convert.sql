{#
    How a raw__<name> column becomes its contract type.

    source: type of the raw column in the scan ('VARCHAR' for CSV and JSON)
    Returns {'value': SQL, null when not convertible; 'fallible': whether a value that is not null can become null}
    Values of the right type pass through; ints for a text column and the like are cast; the rest is parsed as text.
#}
{% macro duckdb_conversion(name, type, source) %}
    {% set raw = 'raw__' ~ name %}
    {% set sure = {'value': raw, 'fallible': false} %}
    {% set nested = source.endswith(']') or source.startswith('STRUCT') or source.startswith('MAP') or source.startswith('UNION') %}
    {% set small_int = source in ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER') %}
    {% set number = small_int or source in ('UBIGINT', 'HUGEINT', 'UHUGEINT') or source.startswith('DECIMAL') %}
    {% if type == 'string' %}
        {% if source == 'VARCHAR' %}{% do return(sure) %}{% endif %}
        {% if source == 'BLOB' %}{% do return({'value': "try(nullif(decode(" ~ raw ~ "), ''))", 'fallible': true}) %}{% endif %}
        {% if nested %}{% do return({'value': 'cast(to_json(' ~ raw ~ ') as varchar)', 'fallible': false}) %}{% endif %}
        {% do return({'value': 'cast(' ~ raw ~ ' as varchar)', 'fallible': false}) %}
    {% elif type == 'json' and nested %}
        {% do return({'value': 'cast(to_json(' ~ raw ~ ') as varchar)', 'fallible': false}) %}
    {% elif type == 'bigint' and small_int %}
        {% do return({'value': 'cast(' ~ raw ~ ' as bigint)', 'fallible': false}) %}
    {% elif type == 'double' and (number or source in ('FLOAT', 'DOUBLE')) %}
        {% do return({'value': duckdb_finite(raw), 'fallible': true}) %}
    {% elif type == 'decimal(38,9)' and source == 'DECIMAL(38,9)' %}
        {% do return(sure) %}
    {% elif type == 'decimal(38,9)' and number %}
        {% do return({'value': 'try_cast(' ~ raw ~ ' as decimal(38,9))', 'fallible': true}) %}
    {% elif type == 'boolean' and source == 'BOOLEAN' %}
        {% do return(sure) %}
    {% elif type == 'timestamp' and source == 'TIMESTAMP' %}
        {% do return(sure) %}
    {% elif type == 'timestamp' and source == 'TIMESTAMP WITH TIME ZONE' %}
        {% do return({'value': "timezone('UTC', " ~ raw ~ ')', 'fallible': false}) %}
    {% elif type == 'timestamp' and source in ('DATE', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS') %}
        {% do return({'value': 'try_cast(' ~ raw ~ ' as timestamp)', 'fallible': true}) %}
    {% endif %}
    {% if source == 'BLOB' %}{% set text = 'try(decode(' ~ raw ~ '))' %}
    {% elif source == 'VARCHAR' %}{% set text = raw %}
    {% else %}{% set text = 'cast(' ~ raw ~ ' as varchar)' %}{% endif %}
    {% do return({'value': duckdb_text_conversion(name, type, text), 'fallible': true}) %}
{% endmacro %}


{# Text as its contract type, null when it is none. #}
{% macro duckdb_text_conversion(name, type, text) %}
    {% set is_number = "regexp_full_match(" ~ text ~ ", '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?')" %}
    {% if name == 'filters' %}
        {% do return('case when ' ~ duckdb_valid_filters(text) ~ ' then ' ~ text ~ ' end') %}
    {% elif type == 'json' %}
        {% do return('case when json_valid(' ~ text ~ ') then ' ~ text ~ ' end') %}
    {% elif type == 'bigint' %}
        {# Whole numbers only, also when written 3600.0 as data frames do. #}
        {% set number = 'try_cast(' ~ text ~ ' as decimal(38,9))' %}
        {% do return('case when ' ~ is_number ~ ' and ' ~ number ~ ' = trunc(' ~ number ~ ') then try_cast(' ~ number ~ ' as bigint) end') %}
    {% elif type == 'double' %}
        {% do return('case when ' ~ is_number ~ ' then ' ~ duckdb_finite('try_cast(' ~ text ~ ' as double)') ~ ' end') %}
    {% elif type == 'decimal(38,9)' %}
        {% do return('case when ' ~ is_number ~ ' then try_cast(' ~ text ~ ' as decimal(38,9)) end') %}
    {% elif type == 'boolean' %}
        {% do return(
            "case when lower(" ~ text ~ ") in ('true', 't', '1', 'yes') then true"
            ~ " when lower(" ~ text ~ ") in ('false', 'f', '0', 'no') then false end"
        ) %}
    {% elif type == 'timestamp' %}
        {% do return(duckdb_text_timestamp(text)) %}
    {% endif %}
{% endmacro %}


{# A double, null when it is not a finite number. #}
{% macro duckdb_finite(number) %}
    {% do return('case when isfinite(cast(' ~ number ~ ' as double)) then cast(' ~ number ~ ' as double) end') %}
{% endmacro %}


{#
    ISO 8601 text as a UTC timestamp. The parts are put together again because the engine's own cast drops the
    offset of a timestamp without zone, misses 00:00Z, and takes words such as 'infinity'.
#}
{% macro duckdb_text_timestamp(text) %}
    {% set pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
        ~ "(?: ?(Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?))?)?$" %}
    {% set parts = "regexp_extract(" ~ text ~ ", '" ~ pattern ~ "', ['day', 'clock', 'second', 'fraction', 'zone'])" %}
    {% do return(
        "list_transform([" ~ parts ~ "], lambda t: timezone('UTC', try_cast("
        ~ "t.day || ' ' || coalesce(nullif(t.clock, ''), '00:00') || ':' || coalesce(nullif(t.second, ''), '00')"
        ~ " || '.' || coalesce(nullif(left(t.fraction, 6), ''), '0')"
        ~ " || case when t.zone in ('', 'Z') then '+00' else t.zone end as timestamptz)))[1]"
    ) %}
{% endmacro %}


{# True for a JSON array of objects that each name a property and a known operator. #}
{% macro duckdb_valid_filters(text) %}
    {% do return(
        "case when not json_valid(" ~ text ~ ") then false when json_type(" ~ text ~ ") <> 'ARRAY' then false"
        ~ " else coalesce(list_bool_and(list_transform(cast(cast(" ~ text ~ " as json) as json[]), lambda filter:"
        ~ " coalesce(json_type(filter, '$.property') = 'VARCHAR'"
        ~ " and json_extract_string(filter, '$.op') in ('eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'exists'), false))), true) end"
    ) %}
{% endmacro %}
