{#
    The journey measures, defined once: (measure, row source, value per row).

    Every source row has a date (null = snapshot at as_of, part of every period), a journey, a version and a user.
    journey_sums: additive over rows, each row 1 or 0.
    journey_users: distinct users with any of the measure (measure, sum that must be above 0).
#}
{% macro journey_sums() %}
    {% do return({
        'qualified': [('qualified_events', '1')],
        'entries': [
            ('total_entries', 'case when is_control then 0 else 1 end'),
            ('control_entries', 'case when is_control then 1 else 0 end'),
            ('status_in_progress', "case when not is_control and entry_status = 'in_progress' then 1 else 0 end"),
            ('status_exited', "case when not is_control and entry_status = 'exited' then 1 else 0 end"),
            ('status_dropped_off', "case when not is_control and entry_status = 'dropped_off' then 1 else 0 end"),
            ('entries_window_closed', 'case when not is_control and is_window_closed then 1 else 0 end'),
            ('entries_window_open', 'case when not is_control and not is_window_closed then 1 else 0 end'),
        ],
        'exits': [
            ('total_exits_any', '1'),
            ('dropoffs_internal', "case when exit_reason_code = 'internal_error' then 1 else 0 end"),
            ('dropoffs_sending', "case when exit_reason_code = 'sending_error' then 1 else 0 end"),
            ('nm_total_exits', 'case when not is_converted then 1 else 0 end'),
            ('nm_total_exits_matured', 'case when not is_converted and is_window_closed then 1 else 0 end'),
            ('nm_total_exits_pending', 'case when not is_converted and not is_window_closed then 1 else 0 end'),
        ],
        'open_entries': [('entries_open_now', '1')],
        'messages': [
            ('messages_attempted', 'case when is_attempted then 1 else 0 end'),
            ('messages_accepted', 'case when is_accepted then 1 else 0 end'),
            ('messages_failed', 'case when is_failed then 1 else 0 end'),
            ('messages_skipped', 'case when is_skipped then 1 else 0 end'),
            ('messages_delivered', 'case when is_delivered then 1 else 0 end'),
            ('sending_error_messages', "case when issue_class <> 'policy' then 1 else 0 end"),
        ],
        'conversions': [
            ('goals_users_sum', 'case when is_first_conversion then 1 else 0 end'),
            ('first_conversions', 'case when is_first_conversion and is_headline_goal then 1 else 0 end'),
            ('conversion_events_total', 'case when is_headline_goal then 1 else 0 end'),
            ('converted_entries', 'case when is_first_of_entry and is_headline_goal then 1 else 0 end'),
        ],
        'cohort_conversions': [('cohort_first_conversions', '1')],
    }) %}
{% endmacro %}


{% macro journey_users() %}
    {% do return([
        ('qualified_users', 'qualified_events'),
        ('unique_entry_users', 'total_entries'),
        ('control_users', 'control_entries'),
        ('users_in_journey_now', 'entries_open_now'),
        ('pw_unique_users_messaged', 'messages_accepted'),
        ('sending_error_users', 'sending_error_messages'),
        ('goals_users_any', 'goals_users_sum'),
        ('converted_users', 'first_conversions'),
        ('cohort_converted_users', 'cohort_first_conversions'),
    ]) %}
{% endmacro %}


{# Names of every additive journey measure, in order. #}
{% macro journey_sum_names() %}
    {% set names = [] %}
    {% for source, sums in journey_sums().items() %}{% for name, expression in sums %}{% do names.append(name) %}{% endfor %}{% endfor %}
    {% do return(names) %}
{% endmacro %}


{#
    A row of a source counts 1 or 0 in each measure: the number `measures` has one bit for each.

    measures_of(source)     the number of a row of the source
    counts_in(measure)      condition: the bit of the measure is set
    counts_users(measures)  condition: so is any bit that a count of users reads
#}
{% macro measures_of(source) -%}
    {% for name, expression in journey_sums()[source] -%}
    {{ '+ ' if not loop.first }}{{ journey_measure_bit(name) }} * {{ expression }}
    {% endfor %}
{%- endmacro %}

{% macro counts_in(measure) -%}
    (measures & {{ journey_measure_bit(measure) }}) > 0
{%- endmacro %}

{% macro counts_users(measures) -%}
    {%- set bits = [] -%}
    {%- for name, measure in journey_users() -%}{%- do bits.append(journey_measure_bit(measure)) -%}{%- endfor -%}
    ({{ measures }} & {{ bits | sum }}) > 0
{%- endmacro %}

{% macro journey_measure_bit(measure) %}{% do return(2 ** journey_sum_names().index(measure)) %}{% endmacro %}


{# Select list of the public journey measures over the columns of int_journey_period_measures. #}
{% macro journey_measure_columns() -%}
    {% for name in [
        'qualified_users', 'total_entries', 'unique_entry_users', 'control_entries', 'control_users', 'entries_open_now',
        'users_in_journey_now', 'total_exits_any', 'nm_total_exits', 'nm_total_exits_matured', 'nm_total_exits_pending',
        'entries_window_closed', 'entries_window_open', 'status_in_progress', 'status_exited', 'status_dropped_off'
    ] %}cast({{ name }} as bigint) as {{ name }},
    {% endfor -%}
    cast(status_exited as bigint) as pw_exits,
    cast(dropoffs_internal as bigint) as dropoffs_internal,
    cast(dropoffs_sending as bigint) as dropoffs_sending,
    cast(dropoffs_internal as bigint) as pw_dropoffs_campaign_health,
    cast(dropoffs_internal + dropoffs_sending as bigint) as pw_dropoffs_chart,
    cast(status_exited + status_dropped_off as bigint) as pw_csv_drop_off,
    {% for name in [
        'messages_attempted', 'messages_accepted', 'messages_failed', 'messages_skipped', 'messages_delivered'
    ] %}cast({{ name }} as bigint) as {{ name }},
    {% endfor -%}
    cast(messages_attempted as bigint) as pw_messages_sent,
    cast(messages_accepted as bigint) as nm_messages_sent,
    {% for name in [
        'pw_unique_users_messaged', 'sending_error_messages', 'sending_error_users', 'goals_users_any', 'goals_users_sum',
        'converted_users', 'conversion_events_total', 'converted_entries'
    ] %}cast({{ name }} as bigint) as {{ name }},
    {% endfor -%}
    cast({{ rate('converted_users', 'unique_entry_users') }} as double) as user_conversion_rate,
    cast({{ rate('converted_users', 'unique_entry_users') }} as double) as nm_conversion_rate,
    cast({{ rate('converted_users', 'total_entries') }} as double) as pw_conversion_rate,
    cast({{ rate('converted_entries', 'total_entries') }} as double) as entry_conversion_rate,
    cast(cohort_converted_users as bigint) as cohort_converted_users,
    cast({{ rate('cohort_converted_users', 'unique_entry_users') }} as double) as cohort_conversion_rate
{%- endmacro %}
