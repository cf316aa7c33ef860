{# Names of the settings that may differ between accounts, in the column order of stg_settings. #}
{% macro setting_names() %}
    {% do return([
        'as_of', 'reporting_timezone', 'conversion_boundary', 'bot_click_min_seconds', 'max_open_entry_seconds',
        'primary_goal_id', 'campaign_conversion_seconds', 'override_window_anchor'
    ]) %}
{% endmacro %}


{# The project-wide settings as a dict: {name: value}. #}
{% macro default_settings() %}
    {% set settings = {} %}
    {% for name in setting_names() %}{% do settings.update({name: var(name, none)}) %}{% endfor %}
    {% do return(settings) %}
{% endmacro %}


{#
    One row of typed SQL values for a settings dict, in the order of setting_names().
    An as_of with an offset is converted to UTC; null as_of means "the last received row of the account".
#}
{% macro settings_row(settings) %}
    {%- set text = [] -%}
    {%- for name in setting_names() -%}
        {%- set value = settings[name] -%}
        {%- if value is none -%}{%- set literal = 'null' -%}
        {%- elif value is number -%}
            {%- set literal = value | string -%}
        {%- elif name == 'as_of' -%}
            {%- set literal = "'" ~ utc_text(value) ~ "'" -%}
        {%- else -%}{%- set literal = "'" ~ (value | string | replace("'", "''")) ~ "'" -%}
        {%- endif -%}
        {%- do text.append(literal) -%}
    {%- endfor -%}
    {{- return(text | join(', ')) -}}
{% endmacro %}


{# ISO 8601 text (or a YAML timestamp) as UTC text without a zone; other text as it is, for check_config to refuse. #}
{% macro utc_text(value) %}
    {% if not is_instant_text(value) %}{% do return(value | string | replace("'", "''")) %}{% endif %}
    {% set parsed = modules.datetime.datetime.fromisoformat(value | string | replace('Z', '+00:00')) %}
    {% if parsed.tzinfo is not none %}
        {% set parsed = parsed.astimezone(modules.pytz.utc).replace(tzinfo=none) %}
    {% endif %}
    {% do return(parsed.isoformat(sep=' ')) %}
{% endmacro %}
