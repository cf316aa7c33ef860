{#
    Moves the CSV files in which the engine's parser would swallow good lines, because a quote is left open,
    to groups that are read line by line. An odd number of quotes in a file means an open one. A line that
    ends inside quotes means an open one or a value of several lines, and only a trial tells.
#}
{% macro duckdb_split_open_quotes(groups) %}
    {% set split = [] %}
    {% for group in groups %}
        {% set is_parsed = group['format'] == 'csv' and not group['by_line'] %}
        {% set broken = duckdb_open_quote_files(group) if is_parsed else [] %}
        {% set whole = group['files'] | rejectattr('path', 'in', broken) | list %}
        {% set lines = group['files'] | selectattr('path', 'in', broken) | list %}
        {% if whole %}{% do split.append(dict(group, files=whole)) %}{% endif %}
        {% if lines %}
            {% do split.append(dict(group, files=lines, by_line=true, id=group['id'] ~ '_0')) %}
        {% endif %}
    {% endfor %}
    {% do return(split) %}
{% endmacro %}


{# Paths of the files of a CSV group in which a quote is left open. #}
{% macro duckdb_open_quote_files(group) %}
    {% set open_line = '(' ~ duckdb_csv_cell() ~ ',)*"([^"]|"")*' %}
    {% set ends_inside = "quotes % 2 = 1 or regexp_full_match(line, '" ~ open_line ~ "')" %}
    {% set broken, suspects = [], [] %}
    {% for row in run_query(
        "select landing__file, sum(quotes) % 2 = 1 as is_odd from (select landing__file, line,"
        ~ " strlen(line) - strlen(replace(line, '\"', '')) as quotes from "
        ~ duckdb_line_scan(group['files'], group['gzip'], 'header = false, ignore_errors = true')
        ~ ") where quotes > 0 group by landing__file having bool_or(" ~ ends_inside ~ ") or is_odd"
    ).rows %}
        {% do (broken if row['is_odd'] else suspects).append(row['landing__file']) %}
    {% endfor %}
    {# In parallel, for only so does the parser report a quote that is open at the end of the file. #}
    {% for file in group['files'] if file['path'] in suspects %}
        {% do duckdb_drop_rejects('trial') %}
        {% set trial = dict(group, files=[file], id='trial_1') %}
        {% do run_query("select count(*) from " ~ duckdb_scan(trial, true)) %}
        {% set is_broken = run_query(
            "select 1 from landing_rejects_trial_1 where error_type = 'UNQUOTED VALUE' or csv_line = ''"
            ~ " or regexp_matches(csv_line, '[\\r\\n]') limit 1"
        ).rows | length > 0 %}
        {% if is_broken %}{% do broken.append(file['path']) %}{% endif %}
    {% endfor %}
    {% do return(broken) %}
{% endmacro %}
