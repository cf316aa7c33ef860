{# Body of landing_select() for Spark: one select per group; lines that are no rows are rejected in it. #}
{% macro spark__landing_select(table, groups) -%}
with {% for group in groups -%}
{{ duckdb_landing_files_cte(group['files'], 'files_' ~ loop.index) }},

raw_{{ loop.index }} as (
    {{ spark_landing_raw(table, group, 'files_' ~ loop.index) }}
),

typed_{{ loop.index }} as (
    select
        *,
        {%- for name, type, rule in landing_raw_columns(table) %}
        {{ spark_conversion(name, type, spark_source_type(name, group))['value'] }} as {{ name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from raw_{{ loop.index }}
),

checked_{{ loop.index }} as (
    select
        *,
        {{ landing_reject_reason(table, spark_fallible(table, group), group['format'] != 'parquet') }} as reject_reason
    from typed_{{ loop.index }}
){{ ',' if not loop.last }}

{% endfor -%}
{% for group in groups -%}
{{ 'union all' if not loop.first }}
select
    {{ landing_account_key() }} as account_key,
    {%- for name, type, rule in landing_raw_columns(table) %}
    {{ landing_default(table, name) }} as {{ name }},
    {%- endfor %}
    landing__name as source_file,
    reject_reason,
    case when reject_reason is not null then {{ spark_rejected_row(group) }} end as rejected_row
from checked_{{ loop.index }}
{% endfor -%}
{%- endmacro %}


{# Raw columns of a group as raw__<name>, and what is kept of a rejected row; see duckdb_landing_raw(). #}
{% macro spark_landing_raw(table, group, files) -%}
    select
        files.landing__name,
        files.landing__received_at,
        files.landing__modified_at,
        {%- for name, type, rule in landing_raw_columns(table) %}
        {{ spark_raw_value(name, type, group) }} as raw__{{ name }},
        {%- endfor %}
        {%- if group['format'] != 'parquet' %}
        landed.is_row as landing__is_row,
        landed.line as landing__line{{ ',' if group['columns'] }}
        {%- endif %}
        {%- if group['columns'] %}
        named_struct(
            {%- for name, type in group['columns'] %}
            {{ sql_text(name) }}, {{ spark_kept_value(type, spark_landed_column(group, loop.index0)) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as landing__row
        {%- endif %}
    from
    {%- if group['format'] == 'json' %} (
        select
            *,
            {{ spark_is_json_object('line') }} as is_row,
            from_json(line, '
                {%- for name, type, rule in landing_raw_columns(table) -%}
                    {{ name }} string{{ ', ' if not loop.last }}
                {%- endfor -%}
            ') as object
        from {{ spark_scan(group) }}
    )
    {%- elif group['format'] == 'csv' %}
    {%- set cell = spark_csv_cell() %} (
        select
            *,
            {{ "line rlike " ~ sql_text('^' ~ ([cell] * (group['columns'] | length)) | join(',') ~ '\\z') }}
            and is_valid_utf8(line) as is_row,
            transform(
                regexp_extract_all(',' || line, {{ sql_text(',' ~ cell) }}, 1),
                cell -> nullif(
                    case
                        when startswith(cell, '"') then replace(substr(cell, 2, length(cell) - 2), '""', '"')
                        else cell
                    end,
                    ''
                )
            ) as cells
        from {{ spark_scan(group) }}
    )
    {%- else %} {{ spark_scan(group)[:-11] }}
    {%- endif %} as landed
    inner join {{ files }} as files
        on landed.landing__name = files.landing__name
{%- endmacro %}


{# SQL of the n-th column of a scanned group, counted from 0. #}
{% macro spark_landed_column(group, position) %}
    {% if group['format'] == 'csv' %}
        {% do return('case when landed.is_row then get(landed.cells, ' ~ position ~ ') end') %}
    {% endif %}
    {% do return('landed.`' ~ group['columns'][position][0] | replace('`', '``') ~ '`') %}
{% endmacro %}


{# SQL of a column as it is kept of a rejected row: times as DuckDB writes them. #}
{% macro spark_kept_value(type, value) %}
    {% if type not in ('timestamp', 'timestamp_ntz') %}{% do return(value) %}{% endif %}
    {% do return('cast(' ~ value ~ ' as string)' ~ (" || '+00'" if type == 'timestamp' else '')) %}
{% endmacro %}


{# SQL of a raw column, as duckdb_raw_value() has it. #}
{% macro spark_raw_value(name, type, group) %}
    {% set position = duckdb_column_position(name, group) %}
    {% if group['format'] == 'json' %}{% set value = 'case when landed.is_row then landed.object.' ~ name ~ ' end' %}
    {% elif position %}{% set value = spark_landed_column(group, position - 1) %}
    {% else %}{% do return('cast(null as string)') %}
    {% endif %}
    {% if spark_source_type(name, group) != 'string' %}{% do return(value) %}{% endif %}
    {% set is_id = name.endswith('_id') or name in ('source_system', 'source_account') %}
    {% if type == 'string' and not is_id %}{% do return("nullif(" ~ value ~ ", '')") %}{% endif %}
    {% if type == 'json' %}{% set value = "nullif(" ~ value ~ ", 'null')" %}{% endif %}
    {% set characters = "' '" if group['format'] == 'parquet' else "concat(' ', chr(9), chr(13), chr(10))" %}
    {% do return("nullif(btrim(" ~ value ~ ", " ~ characters ~ "), '')") %}
{% endmacro %}


{# Type of a raw__ column in the scan of a group. #}
{% macro spark_source_type(name, group) %}
    {% set position = duckdb_column_position(name, group) %}
    {% do return(group['columns'][position - 1][1] if position else 'string') %}
{% endmacro %}


{# Names of the columns whose conversion can fail. #}
{% macro spark_fallible(table, group) %}
    {% set names = [] %}
    {% for name, type, rule in landing_raw_columns(table) %}
        {% if spark_conversion(name, type, spark_source_type(name, group))['fallible'] %}
            {% do names.append(name) %}
        {% endif %}
    {% endfor %}
    {% do return(names) %}
{% endmacro %}


{# How a raw__<name> column becomes its contract type; see duckdb_conversion(). #}
{% macro spark_conversion(name, type, source) %}
    {% set raw = 'raw__' ~ name %}
    {% set nested = source.startswith('struct<') or source.startswith('array<') or source.startswith('map<') %}
    {% set small_int = source in ('tinyint', 'smallint', 'int', 'bigint') %}
    {% set number = small_int or source.startswith('decimal') %}
    {% if type != 'double' and type == source %}
        {% do return({'value': raw, 'fallible': false}) %}
    {% elif type in ('string', 'json') and nested %}
        {% do return({'value': 'to_json(' ~ raw ~ ')', 'fallible': false}) %}
    {% elif type == 'string' and source != 'binary' %}
        {% do return({'value': 'cast(' ~ raw ~ ' as string)', 'fallible': false}) %}
    {% elif type == 'bigint' and small_int %}
        {% do return({'value': 'cast(' ~ raw ~ ' as bigint)', 'fallible': false}) %}
    {% elif type == 'timestamp' and source in ('date', 'timestamp_ntz') %}
        {% do return({'value': 'cast(' ~ raw ~ ' as timestamp)', 'fallible': true}) %}
    {% elif type == 'double' and (number or source in ('float', 'double')) %}
        {% do return({'value': spark_finite(raw), 'fallible': true}) %}
    {% elif type == 'decimal(38,9)' and number %}
        {% do return({'value': 'try_cast(' ~ raw ~ ' as decimal(38,9))', 'fallible': true}) %}
    {% endif %}
    {% if source == 'string' %}{% set text = raw %}
    {% elif source == 'binary' %}{% set text = "nullif(trim(try_validate_utf8(cast(" ~ raw ~ " as string))), '')" %}
    {% else %}{% set text = 'cast(' ~ raw ~ ' as string)' %}
    {% endif %}
    {% do return({'value': spark_text_conversion(name, type, text), 'fallible': true}) %}
{% endmacro %}


{# Text as its contract type, null when it is none. #}
{% macro spark_text_conversion(name, type, text) %}
    {% set number_pattern = sql_text('^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\\z') %}
    {% set when_number = "case when " ~ text ~ " rlike " ~ number_pattern %}
    {% set decimal = 'try_cast(' ~ text ~ ' as decimal(38,9))' %}
    {% if type == 'string' %}
        {% do return(text) %}
    {% elif name == 'filters' %}
        {% do return('case when ' ~ spark_is_filters(text) ~ ' then ' ~ text ~ ' end') %}
    {% elif type == 'json' %}
        {% do return('case when try_parse_json(' ~ text ~ ') is not null then ' ~ text ~ ' end') %}
    {% elif type == 'bigint' %}
        {% do return(
            when_number ~ ' and ' ~ decimal ~ ' % 1 = 0 then try_cast(' ~ decimal ~ ' as bigint) end'
        ) %}
    {% elif type == 'double' %}
        {% do return(when_number ~ ' then ' ~ spark_finite('try_cast(' ~ text ~ ' as double)') ~ ' end') %}
    {% elif type == 'decimal(38,9)' %}
        {% do return(when_number ~ ' then ' ~ decimal ~ ' end') %}
    {% elif type == 'boolean' %}
        {% do return(
            "case when lower(" ~ text ~ ") in ('true', 't', '1', 'yes') then true"
            ~ " when lower(" ~ text ~ ") in ('false', 'f', '0', 'no') then false end"
        ) %}
    {% elif type == 'timestamp' %}
        {% do return(spark_text_timestamp(text)) %}
    {% endif %}
{% endmacro %}


{# A number as a double, null when it is not finite. #}
{% macro spark_finite(number) %}
    {% set double = 'cast(' ~ number ~ ' as double)' %}
    {% do return('case when abs(' ~ double ~ ') <= 1.7976931348623157e308 then ' ~ double ~ ' end') %}
{% endmacro %}


{# ISO 8601 text as a UTC timestamp; see duckdb_text_timestamp(). #}
{% macro spark_text_timestamp(text) %}
    {% set clock = '([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?' %}
    {% set zone = '(Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)' %}
    {% set pattern = '^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]' ~ clock ~ '(?: ?' ~ zone ~ ')?)?\\z' %}
    {% set part = "regexp_extract(" ~ text ~ ", " ~ sql_text(pattern) ~ ", " %}
    {% do return(
        "case when " ~ text ~ " rlike " ~ sql_text(pattern) ~ " then try_cast(" ~ part ~ "1) || ' ' || coalesce(nullif("
        ~ part ~ "2), ''), '00:00') || ':' || coalesce(nullif(" ~ part ~ "3), ''), '00') || '.' || coalesce(nullif(left("
        ~ part ~ "4), 6), ''), '0') || case when " ~ part ~ "5) in ('', 'Z') then '+00:00' else "
        ~ part ~ "5) end as timestamp) end"
    ) %}
{% endmacro %}


{# SQL: whether a text is a JSON array of objects that each name a property and a known operator. #}
{% macro spark_is_filters(text) %}
    {% set is_filter = "schema_of_variant(try_variant_get(filter, '$.property')) = 'STRING'"
        ~ " and try_variant_get(filter, '$.op', 'string') in ('eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'exists')" %}
    {% set filters = 'try_cast(try_parse_json(' ~ text ~ ') as array<variant>)' %}
    {% do return("coalesce(forall(" ~ filters ~ ", filter -> coalesce(" ~ is_filter ~ ", false)), false)") %}
{% endmacro %}


{# SQL of the original row of a group as JSON: an object, or the text of a line that is no row. #}
{% macro spark_rejected_row(group) %}
    {% set row = "to_json(landing__row, map('ignoreNullFields', 'false'))" if group['columns'] else 'landing__line' %}
    {% if group['format'] == 'parquet' %}{% do return(row) %}{% endif %}
    {% do return('case when landing__is_row then ' ~ row ~ ' else ' ~ json_string('landing__line') ~ ' end') %}
{% endmacro %}
