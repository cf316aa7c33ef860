{#
    Checks every setting before a model is touched and stops with one sentence per impossible value.
    Called by on-run-start. docs/configuration.md documents each setting.
#}
{% macro check_config() %}
    {% if execute %}
        {% set problems = [] %}
        {% do check_settings('', default_settings(), problems) %}
        {% set overrides = var('account_settings') or {} %}
        {% if overrides is not mapping %}
            {% do problems.append("account_settings must map '<source_system>/<source_account>' to settings, got " ~ overrides ~ ".") %}
        {% else %}
            {% for account, settings in overrides.items() %}
                {% set where = "account_settings['" ~ account ~ "']: " %}
                {% if '/' not in account %}
                    {% do problems.append(where ~ "the account must be written '<source_system>/<source_account>'.") %}
                {% endif %}
                {% for name in settings if name not in setting_names() %}
                    {% do problems.append(where ~ "unknown setting '" ~ name ~ "'. Known: " ~ (setting_names() | join(', ')) ~ ".") %}
                {% endfor %}
                {% do check_settings(where, settings, problems) %}
            {% endfor %}
        {% endif %}
        {% for period in var('custom_periods') or [] %}
            {% if period is not mapping or not is_date_text(period.get('from')) or not is_date_text(period.get('to')) or period['from'] | string > period['to'] | string %}
                {% do problems.append("custom_periods: each entry needs dates {from: YYYY-MM-DD, to: YYYY-MM-DD} with from <= to, got " ~ period ~ ".") %}
            {% endif %}
        {% endfor %}
        {% if var('restate_goals') not in (true, false) %}
            {% do problems.append("restate_goals must be true or false, got '" ~ var('restate_goals') ~ "'.") %}
        {% endif %}
        {% set memory = var('memory_limit') %}
        {% if memory is not none and not modules.re.fullmatch('[0-9]+([.][0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)', memory | string) %}
            {% do problems.append("memory_limit must be null or a size such as 8GiB, got '" ~ memory ~ "'.") %}
        {% endif %}
        {% set threads = var('engine_threads') %}
        {% if threads is not none and (threads is boolean or threads is not integer or threads < 1) %}
            {% do problems.append("engine_threads must be null or a whole number from 1, got '" ~ threads ~ "'.") %}
        {% endif %}
        {% for name in ('default_source_system', 'default_source_account') if not var(name) or var(name) is not string or '/' in var(name) %}
            {% do problems.append(name ~ " must be a non-empty text without '/', got '" ~ var(name) ~ "'.") %}
        {% endfor %}
        {% if problems %}
            {{ exceptions.raise_compiler_error("Impossible configuration:\n  " ~ (problems | join("\n  "))) }}
        {% endif %}
        {% for name in ('production', 'allow_full_refresh') if var(name) is not boolean %}
            {{ exceptions.raise_compiler_error("Impossible configuration:\n  " ~ name ~ " must be true or false, got '" ~ var(name) ~ "'.") }}
        {% endfor %}
    {% endif %}
{% endmacro %}


{# Appends a sentence to `problems` for every impossible value in `settings`; `where` is put before each. #}
{% macro check_settings(where, settings, problems) %}
    {% if settings.get('as_of') is not none and not is_instant_text(settings['as_of']) %}
        {% do problems.append(where ~ "as_of must be null or an ISO 8601 instant such as 2026-01-31T00:00:00Z, got '" ~ settings['as_of'] ~ "'.") %}
    {% endif %}
    {% if 'reporting_timezone' in settings and not is_time_zone(settings['reporting_timezone']) %}
        {% do problems.append(where ~ "reporting_timezone must be an IANA time zone such as Europe/Istanbul, got '" ~ settings['reporting_timezone'] ~ "'.") %}
    {% endif %}
    {% if 'conversion_boundary' in settings and settings['conversion_boundary'] not in ('inclusive', 'exclusive') %}
        {% do problems.append(where ~ "conversion_boundary must be inclusive or exclusive, got '" ~ settings['conversion_boundary'] ~ "'.") %}
    {% endif %}
    {% for name in ('bot_click_min_seconds', 'campaign_conversion_seconds', 'max_open_entry_seconds') if name in settings %}
        {% set value = settings[name] %}
        {% set optional = name == 'max_open_entry_seconds' %}
        {% if not (optional and value is none) and (value is not number or value is boolean or value < 0 or value > 100000000000) %}
            {% do problems.append(where ~ name ~ " must be a number of seconds from 0 to 100000000000" ~ (" or null" if optional else "") ~ ", got '" ~ value ~ "'.") %}
        {% endif %}
    {% endfor %}
    {% if settings.get('primary_goal_id') is not none and (settings['primary_goal_id'] is not string or not settings['primary_goal_id']) %}
        {% do problems.append(where ~ "primary_goal_id must be null or the id of a goal as text, got '" ~ settings['primary_goal_id'] ~ "'.") %}
    {% endif %}
    {% set anchors = window_anchors() %}
    {% if settings.get('override_window_anchor') is not none and settings['override_window_anchor'] not in anchors %}
        {% do problems.append(where ~ "override_window_anchor must be null or one of " ~ (anchors | join(', ')) ~ ", got '" ~ settings['override_window_anchor'] ~ "'.") %}
    {% endif %}
{% endmacro %}


{# True for text that datetime reads as a date and time (or a YAML timestamp). #}
{% macro is_instant_text(value) %}
    {% set text = value | string %}
    {% set shape = modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?', text) %}
    {% do return(shape is not none and is_date_text(text[:10])) %}
{% endmacro %}


{# True for YYYY-MM-DD text that is a real date. #}
{% macro is_date_text(value) %}
    {% set parts = modules.re.fullmatch('([0-9]{4})-([0-9]{2})-([0-9]{2})', value | string) %}
    {% if parts is none %}{% do return(false) %}{% endif %}
    {% set year, month, day = parts.group(1) | int, parts.group(2) | int, parts.group(3) | int %}
    {% if year < 1 or month < 1 or month > 12 or day < 1 %}{% do return(false) %}{% endif %}
    {% set leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 %}
    {% set days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] %}
    {% do return(day <= days[month - 1]) %}
{% endmacro %}


{# True for a name of the IANA time zone database. #}
{% macro is_time_zone(name) %}
    {% do return(name is string and name in modules.pytz.all_timezones_set) %}
{% endmacro %}


{# Allowed window anchors of a goal. #}
{% macro window_anchors() %}
    {% do return([
        'journey_exit', 'journey_entry', 'message_sent', 'message_delivered', 'message_viewed', 'message_clicked', 'message_engaged'
    ]) %}
{% endmacro %}
