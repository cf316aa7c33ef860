{# landing_row_count(table): number of raw rows in a table's files, counted now and without the models. #}
{% macro landing_row_count(table) %}
    {{- return(adapter.dispatch('landing_row_count', 'journeys')(table)) -}}
{% endmacro %}

{% macro default__landing_row_count(table) %}
    {{ exceptions.raise_compiler_error("landing_row_count is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_row_count(table) %}
    {% if not execute %}{% do return('0') %}{% endif %}
    {% set id = 'count_' ~ table %}
    {% do duckdb_drop_rejects(id) %}
    {% set queries = ['select 0 as row_count'] %}
    {% for group in duckdb_split_open_quotes(landing_groups(id, readable_landing_files(table))) %}
        {% if group['format'] == 'parquet' %}
            {% set paths = duckdb_paths(group['files'] | map(attribute='path')) %}
            {% do queries.append("select sum(num_rows) from parquet_file_metadata(" ~ paths ~ ")") %}
        {% else %}
            {% do queries.append("select count(*) from " ~ duckdb_scan(group) ~ duckdb_row_filter(group)) %}
        {% endif %}
    {% endfor %}
    {% set counted = run_query("select sum(row_count) from (" ~ (queries | join(' union all ')) ~ ")") %}
    {% set rows = counted.rows[0][0] | int %}
    {# The lines a scan rejects are known only after it, hence a second query. #}
    {% set rejects = duckdb_rejects(id) %}
    {% if rejects %}
        {% set counted = run_query("select count(*) from (" ~ duckdb_malformed_lines(rejects) ~ ")") %}
        {% set rows = rows + counted.rows[0][0] | int %}
    {% endif %}
    {% do return(rows | string) %}
{% endmacro %}


{% macro spark__landing_row_count(table) %}
    {% if not execute %}{% do return('0') %}{% endif %}
    {% set queries = ['select 0 as row_count'] %}
    {% for group in landing_groups('count_' ~ table, readable_landing_files(table)) %}
        {% do queries.append('select count(*) from ' ~ spark_scan(group)) %}
    {% endfor %}
    {% do return(run_query(
        "select sum(row_count) from (" ~ (queries | join(' union all ')) ~ ") as counts"
    ).rows[0][0] | int | string) %}
{% endmacro %}
