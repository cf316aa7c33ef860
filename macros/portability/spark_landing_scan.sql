{#
    Relation that reads a group on Spark. Its columns: landing__name, and line (text) or the file's own (Parquet).
    The header line of a CSV file and blank lines are no rows.
#}
{% macro spark_scan(group) %}
    {% if group['format'] == 'parquet' %}
        {% do return(
            "(select " ~ spark_file_name() ~ " as landing__name, * from "
            ~ spark_files('parquet', group['files']) ~ ") as scanned"
        ) %}
    {% endif %}
    {% set source = spark_records(group['files']) if group.get('multiline') else spark_lines(group['files']) %}
    {% set is_blank = "btrim(line, concat(' ', chr(9), chr(10), chr(13))) = ''" %}
    {% if group['format'] == 'json' %}
        {% do return("(select landing__name, line from " ~ source ~ " where not (" ~ is_blank ~ ")) as scanned") %}
    {% endif %}
    {# The first line of every file is its header, for only so do all files of the group agree. #}
    {% do return(
        "(select landing__name, line from (select *, row_number() over (partition by landing__name"
        ~ " order by block_start, line_id) as line_number from " ~ source ~ " where not (" ~ is_blank
        ~ ")) as numbered where line_number > 1) as scanned"
    ) %}
{% endmacro %}


{# Relation of the lines of text files: landing__name, line, and block_start and line_id, which order them. #}
{% macro spark_lines(files) %}
    {% do return(
        "(select " ~ spark_file_name() ~ " as landing__name, value as line, _metadata.file_block_start as block_start,"
        ~ " monotonically_increasing_id() as line_id from " ~ spark_files('text', files) ~ ") as lines"
    ) %}
{% endmacro %}


{# The same with records in place of lines: a record ends at a line end outside quotes. #}
{% macro spark_records(files) %}
    {% set record = '([^"\\r\\n]*+(?:"[^"]*+"[^"\\r\\n]*+)*+)(?:\\r\\n|\\r|\\n|\\z)' %}
    {% do return(
        "(select landing__name, regexp_replace(record, '^' || chr(65279), '') as line, record, 0 as block_start, line_id from ("
        ~ "select landing__name, posexplode(regexp_extract_all(content, " ~ sql_text(record) ~ ", 1)) as (line_id, record)"
        ~ " from (select " ~ spark_file_name() ~ " as landing__name, cast(content as string) as content from "
        ~ spark_files('binaryFile', files) ~ ") as contents) as records) as lines"
    ) %}
{% endmacro %}


{# Files by format as a relation of a from clause. #}
{% macro spark_files(format, files) %}
    {% set paths = [] %}
    {% for file in files %}{% do paths.append(spark_path(file['name'])) %}{% endfor %}
    {% set names = paths[0] if paths | length == 1 else '{' ~ (paths | join(',')) ~ '}' %}
    {% do return(format ~ '.`' ~ (spark_path(landing_root()) ~ '/' ~ names) | replace('`', '``') ~ '`') %}
{% endmacro %}


{# SQL of the name of a row's file below the landing root. #}
{% macro spark_file_name() %}
    {% set root = landing_root() %}
    {% set start = root ~ '/' if root.startswith('/') or '://' in root else '/' ~ root ~ '/' %}
    {% set path = "url_decode(replace(_metadata.file_path, '+', '%2B'))" %}
    {% do return("substr(" ~ path ~ ", instr(" ~ path ~ ", " ~ sql_text(start) ~ ") + " ~ start | length ~ ")") %}
{% endmacro %}


{# SQL: whether a text is a JSON object. #}
{% macro spark_is_json_object(text) %}
    {% do return("(ltrim(" ~ text ~ ") like '{%' and try_parse_json(" ~ text ~ ") is not null)") %}
{% endmacro %}


{# Pattern of a CSV cell, as duckdb_csv_cell() has it, without the recursion that long values would need. #}
{% macro spark_csv_cell() %}{% do return('("[^"]*+(?:""[^"]*+)*+"|[^",][^,]*+|)') %}{% endmacro %}
