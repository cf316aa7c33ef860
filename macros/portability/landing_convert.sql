{#
    How a raw__<name> column becomes its contract type.

    source: type of the raw column in the scan ('VARCHAR' for CSV and JSON)
    Returns {'value': SQL, null when not convertible; 'fallible': whether a value can become null}.
    Values of the right type pass through and related types are cast; all others are parsed as text.
#}
{% macro duckdb_conversion(name, type, source) %}
    {% set raw = 'raw__' ~ name %}
    {% set nested = source.endswith(']') or source.split('(')[0] in ('STRUCT', 'MAP', 'UNION') %}
    {% set big_int = source in ('UBIGINT', 'HUGEINT', 'UHUGEINT') %}
    {% set small_int = not big_int and (source.endswith('INT') or source.endswith('INTEGER')) %}
    {% set number = big_int or small_int or source.startswith('DECIMAL') %}
    {% if type != 'double' and type == source.lower().replace('varchar', 'string') %}
        {% do return({'value': raw, 'fallible': false}) %}
    {% elif type in ('string', 'json') and nested %}
        {% do return({'value': 'cast(to_json(' ~ raw ~ ') as varchar)', 'fallible': false}) %}
    {% elif type == 'string' and source != 'BLOB' %}
        {% do return({'value': 'cast(' ~ raw ~ ' as varchar)', 'fallible': false}) %}
    {% elif type == 'bigint' and small_int %}
        {% do return({'value': 'cast(' ~ raw ~ ' as bigint)', 'fallible': false}) %}
    {% elif type == 'timestamp' and source == 'TIMESTAMP WITH TIME ZONE' %}
        {% do return({'value': "timezone('UTC', " ~ raw ~ ')', 'fallible': false}) %}
    {% elif type == 'timestamp' and source in ('DATE', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS') %}
        {% do return({'value': 'try_cast(' ~ raw ~ ' as timestamp)', 'fallible': true}) %}
    {% elif type == 'double' and (number or source in ('FLOAT', 'DOUBLE')) %}
        {% do return({'value': duckdb_finite(raw), 'fallible': true}) %}
    {% elif type == 'decimal(38,9)' and number %}
        {% do return({'value': 'try_cast(' ~ raw ~ ' as decimal(38,9))', 'fallible': true}) %}
    {% endif %}
    {% if source == 'VARCHAR' %}{% set text = raw %}
    {% elif source == 'BLOB' %}{% set text = "nullif(trim(try(decode(" ~ raw ~ "))), '')" %}
    {% else %}{% set text = 'cast(' ~ raw ~ ' as varchar)' %}
    {% endif %}
    {% do return({'value': duckdb_text_conversion(name, type, text), 'fallible': true}) %}
{% endmacro %}


{# Text as its contract type, null when it is none. #}
{% macro duckdb_text_conversion(name, type, text) %}
    {% set number_pattern = '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?' %}
    {% set when_number = "case when regexp_full_match(" ~ text ~ ", '" ~ number_pattern ~ "')" %}
    {# Most numbers fit a narrow decimal, parsed fifty times faster; with an exponent it would lose digits. #}
    {% set plain = "case when not regexp_matches(" ~ text ~ ", '[eE]') then " ~ text ~ " end" %}
    {% set narrow = 'try_cast(' ~ plain ~ ' as decimal(18,9))' %}
    {% set decimal = 'coalesce(' ~ narrow ~ ', try_cast(' ~ text ~ ' as decimal(38,9)))' %}
    {% if type == 'string' %}
        {% do return(text) %}
    {% elif name == 'filters' %}
        {% do return('case when ' ~ duckdb_is_filters(text) ~ ' then ' ~ text ~ ' end') %}
    {% elif type == 'json' %}
        {% do return('case when json_valid(' ~ text ~ ') then ' ~ text ~ ' end') %}
    {% elif type == 'bigint' %}
        {# Whole numbers only, also when written 3600.0 as data frames do. #}
        {% do return(
            when_number ~ ' and ' ~ decimal ~ ' = trunc(' ~ decimal ~ ')'
            ~ ' then try_cast(' ~ decimal ~ ' as bigint) end'
        ) %}
    {% elif type == 'double' %}
        {% do return(when_number ~ ' then ' ~ duckdb_finite('try_cast(' ~ text ~ ' as double)') ~ ' end') %}
    {% elif type == 'decimal(38,9)' %}
        {% do return(when_number ~ ' then ' ~ decimal ~ ' end') %}
    {% elif type == 'boolean' %}
        {% do return(
            "case when lower(" ~ text ~ ") in ('true', 't', '1', 'yes') then true"
            ~ " when lower(" ~ text ~ ") in ('false', 'f', '0', 'no') then false end"
        ) %}
    {% elif type == 'timestamp' %}
        {% do return(duckdb_text_timestamp(text)) %}
    {% endif %}
{% endmacro %}


{# A number as a double, null when it is not finite. #}
{% macro duckdb_finite(number) %}
    {% set double = 'cast(' ~ number ~ ' as double)' %}
    {% do return('case when isfinite(' ~ double ~ ') then ' ~ double ~ ' end') %}
{% endmacro %}


{#
    ISO 8601 text as a UTC timestamp. The parts are put together again because the engine's own cast drops the
    offset of a timestamp without zone, misses 00:00Z, and takes words such as 'infinity'.
#}
{% macro duckdb_text_timestamp(text) %}
    {% set clock = '([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?' %}
    {% set zone = '(Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)' %}
    {% set pattern = '^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]' ~ clock ~ '(?: ?' ~ zone ~ ')?)?$' %}
    {% set names = "['day', 'clock', 'second', 'fraction', 'zone']" %}
    {% set parts = "regexp_extract(" ~ text ~ ", '" ~ pattern ~ "', " ~ names ~ ")" %}
    {% do return(
        "list_transform([" ~ parts ~ "], lambda t: timezone('UTC', try_cast(t.day"
        ~ " || ' ' || coalesce(nullif(t.clock, ''), '00:00') || ':' || coalesce(nullif(t.second, ''), '00')"
        ~ " || '.' || coalesce(nullif(left(t.fraction, 6), ''), '0')"
        ~ " || case when t.zone in ('', 'Z') then '+00' else t.zone end as timestamptz)))[1]"
    ) %}
{% endmacro %}


{# SQL: whether a text is a JSON array of objects that each name a property and a known operator. #}
{% macro duckdb_is_filters(text) %}
    {% set is_filter = "json_type(filter, '$.property') = 'VARCHAR' and json_extract_string(filter, '$.op')"
        ~ " in ('eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'exists')" %}
    {% set filters = 'cast(cast(' ~ text ~ ' as json) as json[])' %}
    {% do return(
        "case when not json_valid(" ~ text ~ ") then false when json_type(" ~ text ~ ") <> 'ARRAY' then false"
        ~ " else len(list_filter(" ~ filters ~ ", lambda filter: " ~ is_filter ~ "))"
        ~ " = len(" ~ filters ~ ") end"
    ) %}
{% endmacro %}
