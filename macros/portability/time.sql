{#
    Time arithmetic on microseconds (windows are elapsed time, never calendar parts).

    epoch_us(timestamp)             bigint microseconds since 1970-01-01 UTC
    timestamp_from_us(microseconds) the inverse
    local_date(timestamp, zone)     date of a UTC timestamp in an IANA time zone
#}
{% macro epoch_us(timestamp) %}{{ return(adapter.dispatch('epoch_us', 'journeys')(timestamp)) }}{% endmacro %}

{% macro default__epoch_us(timestamp) %}
    {{ exceptions.raise_compiler_error("epoch_us is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__epoch_us(timestamp) %}epoch_us({{ timestamp }}){% endmacro %}

{% macro spark__epoch_us(timestamp) %}unix_micros({{ timestamp }}){% endmacro %}


{% macro timestamp_from_us(microseconds) %}
    {{- return(adapter.dispatch('timestamp_from_us', 'journeys')(microseconds)) -}}
{% endmacro %}

{% macro default__timestamp_from_us(microseconds) %}
    {{ exceptions.raise_compiler_error("timestamp_from_us is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__timestamp_from_us(microseconds) %}make_timestamp({{ microseconds }}){% endmacro %}

{% macro spark__timestamp_from_us(microseconds) %}timestamp_micros({{ microseconds }}){% endmacro %}


{% macro local_date(timestamp, zone) %}
    {{- return(adapter.dispatch('local_date', 'journeys')(timestamp, zone)) -}}
{% endmacro %}

{% macro default__local_date(timestamp, zone) %}
    {{ exceptions.raise_compiler_error("local_date is not implemented for " ~ target.type) }}
{% endmacro %}

{# A zone that is no constant is looked up for every row, which takes five times as long. #}
{% macro duckdb__local_date(timestamp, zone) -%}
    {%- set zones = [] -%}
    {#- While dbt parses, nobody has checked the settings yet. -#}
    {%- for settings in [default_settings()] + ((var('account_settings') or {}).values() | list if execute else []) -%}
        {%- set name = settings['reporting_timezone'] -%}
        {%- if name is string and name not in zones + ['UTC'] -%}{%- do zones.append(name) -%}{%- endif -%}
    {%- endfor -%}
    case
        when {{ zone }} = 'UTC' then cast({{ timestamp }} as date)
        {%- for name in zones %}
        when {{ zone }} = {{ sql_text(name) }}
            then cast(timezone({{ sql_text(name) }}, timezone('UTC', {{ timestamp }})) as date)
        {%- endfor %}
        else cast(timezone({{ zone }}, timezone('UTC', {{ timestamp }})) as date)
    end
{%- endmacro %}

{# The session's time zone is UTC, so a cast to a date is the date of the shifted timestamp. #}
{% macro spark__local_date(timestamp, zone) -%}
    cast(from_utc_timestamp({{ timestamp }}, {{ zone }}) as date)
{%- endmacro %}
