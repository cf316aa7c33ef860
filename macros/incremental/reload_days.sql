{#
    reload_days(first, last): run operation that has the next run read the files of these load days (ISO dates, both
    included) again, and prints how many of them an earlier run has read, as JSON: {"files": 2}. A run compares the files
    with those it remembers: one that it remembers otherwise is read again. Files outside load_date= folders have no day.
#}
{% macro reload_days(first, last) %}
    {% set remembered = adapter.get_relation(
        database=target.get("database"), schema='ops', identifier='landing_files'
    ) %}
    {% set files = 0 %}
    {% if remembered is not none %}
        {% set in_days %}
            try_cast(regexp_extract(source_file, 'load_date=([0-9-]{10})/', 1) as date)
                between cast({{ sql_text(first) }} as date) and cast({{ sql_text(last) }} as date)
        {% endset %}
        {% set files = run_query('select count(*) from ' ~ remembered ~ ' where ' ~ in_days).rows[0][0] | int %}
        {% if files and can_change_rows() %}
            {% do run_query('update ' ~ remembered ~ " set modified_at = 'read again' where " ~ in_days) %}
        {% elif files %}
            {% do run_query(delete_all_rows(ops_table('completed_runs'))) %}
        {% endif %}
        {# Else `make run`, which compares the files with those of its last build, would find nothing to do. #}
        {% if files %}{% do forget_last_run() %}{% endif %}
        {% do adapter.commit() %}
    {% endif %}
    {% do print(tojson({'files': files})) %}
{% endmacro %}
