{#
    Table function that reads a group; its column landing__file is the path of the row's file.
    A CSV file is parsed by one thread: several lose track of the lines around a broken quote.
#}
{% macro duckdb_scan(group, parallel=false) %}
    {% set paths = duckdb_paths(group['files'] | map(attribute='path')) %}
    {% if group['format'] == 'parquet' %}
        {% do return(
            "read_parquet(" ~ paths
            ~ ", union_by_name = true, hive_partitioning = false, filename = 'landing__file')"
        ) %}
    {% endif %}
    {% set rejects = duckdb_store_rejects(group['id']) %}
    {% if duckdb_is_by_line(group) %}
        {% set header = 'header = ' ~ (group['format'] == 'csv') | lower ~ ', ' %}
        {% do return(duckdb_line_scan(group['files'], group['gzip'], header ~ rejects)) %}
    {% endif %}
    {% set columns = [] %}
    {% for name, type in group['columns'] %}
        {% do columns.append(sql_text(name) ~ ": 'VARCHAR'") %}
    {% endfor %}
    {% do return(
        "read_csv(" ~ paths ~ ", columns = {" ~ (columns | join(', ')) ~ "}, header = true, delim = ','"
        ~ ", quote = '\"', escape = '\"', strict_mode = true, parallel = " ~ parallel | lower ~ ", "
        ~ duckdb_text_options(group['gzip']) ~ ", " ~ rejects ~ ")"
    ) %}
{% endmacro %}


{# Table function that reads text files line by line: columns line and landing__file. #}
{% macro duckdb_line_scan(files, gzip, options) %}
    {# A unit separator cannot occur inside valid JSON or a header, so no line is split. #}
    {% do return(
        "read_csv(" ~ duckdb_paths(files | map(attribute='path')) ~ ", columns = {'line': 'VARCHAR'}"
        ~ ", delim = chr(31), quote = '', escape = '', strict_mode = false, "
        ~ duckdb_text_options(gzip) ~ ", " ~ options ~ ")"
    ) %}
{% endmacro %}


{# Options common to every scan of text: nothing is guessed, lines hold up to 16 MiB. #}
{% macro duckdb_text_options(gzip) %}
    {% do return(
        "auto_detect = false, compression = '" ~ ('gzip' if gzip else 'none') ~ "', max_line_size = 16777216,"
        ~ " buffer_size = 33554432, hive_partitioning = false, filename = 'landing__file'"
    ) %}
{% endmacro %}


{# True for a group whose scan yields lines. #}
{% macro duckdb_is_by_line(group) %}
    {% do return(group['format'] == 'json' or group['by_line']) %}
{% endmacro %}


{# Pattern of a CSV cell on one line: quoted, or without a quote at its start. #}
{% macro duckdb_csv_cell() %}{% do return('("(?:[^"]|"")*"|[^",][^,]*|)') %}{% endmacro %}


{# Lines of white space are no rows. #}
{% macro duckdb_row_filter(group) %}
    {% do return(" where trim(line, e' \\t\\r\\n') <> ''" if duckdb_is_by_line(group) else '') %}
{% endmacro %}


{# SQL: whether a text is a JSON object. #}
{% macro duckdb_is_json_object(text) %}
    {% do return("(json_valid(" ~ text ~ ") and starts_with(ltrim(" ~ text ~ ", e' \\t'), '{'))") %}
{% endmacro %}


{# Options that keep the lines a scan cannot read in temporary tables named after `id`. #}
{% macro duckdb_store_rejects(id) %}
    {% do return(
        "store_rejects = true, rejects_table = 'landing_rejects_" ~ id
        ~ "', rejects_scan = 'landing_scans_" ~ id ~ "'"
    ) %}
{% endmacro %}


{# Names of the rejects tables on this connection whose id is `id` and a number. #}
{% macro duckdb_rejects(id) %}
    {% do return(run_query(
        "select table_name from duckdb_tables() where temporary"
        ~ " and regexp_full_match(table_name, 'landing_rejects_" ~ id ~ "_[0-9_]+') order by table_name"
    ).columns[0].values()) %}
{% endmacro %}


{# Drops the rejects tables of an id, with the tables that name their files. #}
{% macro duckdb_drop_rejects(id) %}
    {% for name in duckdb_rejects(id) %}
        {% do run_query('drop table ' ~ name) %}
        {% do run_query('drop table ' ~ name | replace('rejects', 'scans')) %}
    {% endfor %}
{% endmacro %}


{# One row per line of some rejects tables; a line has an error for each of its bad columns. #}
{% macro duckdb_malformed_lines(rejects) -%}
    {%- for name in rejects %}
        {{ 'union all' if not loop.first }}
        select distinct scans.file_path, rejects.line_byte_position, rejects.csv_line
        from {{ name }} as rejects
        inner join {{ name | replace('rejects', 'scans') }} as scans
            on rejects.scan_id = scans.scan_id and rejects.file_id = scans.file_id
    {%- endfor -%}
{%- endmacro %}
