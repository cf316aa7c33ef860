{#
    landing_groups(table, files): files that one scan can read alike, a list of dicts:
      id       unique in the run, starts with the table's name
      format   'parquet' | 'csv' | 'json'
      gzip     whether the text is compressed
      files    of landing_files()
      columns  [(name, type)]; JSON lines have no common columns, theirs is an empty list
      by_line  CSV of which each line is read as a row of its own, since the engine's parser would lose rows:
               its lines end in several ways, or a quote is left open (see landing_open_quotes.sql)

    landing_keys(group, limit): names of the keys in the first `limit` lines of a JSON group (none: in all)
#}
{% macro landing_groups(table, files) %}
    {{- return(adapter.dispatch('landing_groups', 'journeys')(table, files)) -}}
{% endmacro %}

{% macro default__landing_groups(table, files) %}
    {{ exceptions.raise_compiler_error("landing_groups is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_groups(table, files) %}
    {% set groups = duckdb_parquet_groups(files | selectattr('format', 'equalto', 'parquet') | list) %}
    {% set by_header = {} %}
    {% set csv = files | selectattr('format', 'equalto', 'csv') | list %}
    {% for head in duckdb_csv_heads(csv) if head['columns'] %}
        {% set key = (head['file']['gzip'], head['mixed'], head['columns']) | string %}
        {% set group = by_header.setdefault(key, landing_group('csv', head['file']['gzip'], [])) %}
        {% do group.update({'columns': head['columns'], 'by_line': head['mixed']}) %}
        {% do group['files'].append(head['file']) %}
    {% endfor %}
    {% do groups.extend(by_header.values()) %}
    {% set json = files | selectattr('format', 'equalto', 'json') | list %}
    {% for gzip in json | map(attribute='gzip') | unique %}
        {% do groups.append(landing_group('json', gzip, json | selectattr('gzip', 'equalto', gzip) | list)) %}
    {% endfor %}
    {% for group in groups %}{% do group.update({'id': table ~ '_' ~ loop.index}) %}{% endfor %}
    {% do return(groups) %}
{% endmacro %}


{# A group as landing_groups() describes it, to be completed. #}
{% macro landing_group(format, gzip, files) %}
    {% do return({'format': format, 'gzip': gzip, 'files': files, 'columns': [], 'by_line': false}) %}
{% endmacro %}


{#
    Parquet files by schema. Reading files of different schemas as one would force a common type on a column:
    a map on a struct, a double on long ids.
#}
{% macro duckdb_parquet_groups(files) %}
    {% if not files %}{% do return([]) %}{% endif %}
    {% set by_path, by_schema = {}, {} %}
    {% for file in files %}{% do by_path.update({file['path']: file}) %}{% endfor %}
    {% set field = "concat_ws(' ', name, num_children, converted_type, duckdb_type)" %}
    {% for row in run_query(
        "select file_name, string_agg(" ~ field ~ ", ',' order by " ~ field ~ ")"
        ~ " from parquet_schema(" ~ duckdb_paths(by_path) ~ ") group by file_name order by file_name"
    ).rows %}
        {% set group = by_schema.setdefault(row[1], landing_group('parquet', false, [])) %}
        {% do group['files'].append(by_path[row[0]]) %}
    {% endfor %}
    {% for group in by_schema.values() %}
        {% set select = 'select * exclude (landing__file) from ' ~ duckdb_scan(group) %}
        {% for row in run_query('describe ' ~ select).rows %}
            {% do group['columns'].append((row[0], row[1])) %}
        {% endfor %}
    {% endfor %}
    {% do return(by_schema.values() | list) %}
{% endmacro %}


{#
    What the first line and the line ends of CSV files say, so that no scan has to guess; a list of dicts:
    file, columns (empty without a header), mixed (lines end in several ways), sound (starts with a header).
#}
{% macro duckdb_csv_heads(files) %}
    {% set small = files | selectattr('size', 'le', 1048576) | list %}
    {% set large = files | selectattr('size', 'gt', 1048576) | list %}
    {% set heads = [] %}
    {# A query holds the bytes of all its files in memory, hence large ones one at a time. #}
    {% for batch in (small | batch(100) | list) + (large | batch(1) | list) %}
        {% set queries, by_path = [], {} %}
        {% for file in batch %}
            {% do by_path.update({file['path']: file}) %}
            {% do queries.append(duckdb_csv_head_query(file)) %}
        {% endfor %}
        {% for row in run_query(queries | join(' union all ')).rows %}
            {% set columns = duckdb_csv_columns(row['line'] | string) if row['line'] is not none else [] %}
            {% do heads.append({
                'file': by_path[row['path']], 'columns': columns if row['sound'] else [],
                'mixed': row['mixed'], 'sound': row['sound'],
            }) %}
        {% endfor %}
    {% endfor %}
    {% do return(heads) %}
{% endmacro %}


{#
    One row for a CSV file: path, line (the first that is not blank), mixed, sound (it starts with that line).
    Compressed files and those above 64 MiB are not looked at whole: the programs that write them write one
    kind of line end.
#}
{% macro duckdb_csv_head_query(file) %}
    {% set options = 'header = false, parallel = false, ignore_errors = true' %}
    {% set lines = duckdb_line_scan([file], file['gzip'], options) %}
    {% set line = "(select line from " ~ lines ~ " where trim(line) <> '' limit 1)" %}
    {% set path = sql_text(file['path']) %}
    {% if file['gzip'] or file['size'] > 67108864 %}
        {% do return("(select " ~ path ~ " as path, " ~ line ~ " as line, false as mixed, true as sound)") %}
    {% endif %}
    {# The text of a blob shows a carriage return as \x0D, a line feed as \x0A, a quote as \x22, always. #}
    {% set text = 'cast(content as varchar)' %}
    {% set bare = "regexp_replace(" ~ text ~ ", '\\\\x22.*?\\\\x22', '', 'g')" %}
    {% set line_ends = "list_distinct(regexp_extract_all(" ~ bare ~ ", '\\\\x0D\\\\x0A|\\\\x0D|\\\\x0A'))" %}
    {% set is_blank = "regexp_full_match(" ~ text ~ ", '(\\\\xEF\\\\xBB\\\\xBF)?(\\\\x0[9AD]| )*')" %}
    {% do return(
        "(select " ~ path ~ " as path, line,"
        ~ " case when contains(hex(content), '0D') then len(" ~ line_ends ~ ") > 1 else false end as mixed,"
        ~ " case when line is null then " ~ is_blank
        ~ " else starts_with(replace(hex(content[:300]), 'EFBBBF', ''), hex(left(line, 64))) end as sound"
        ~ " from (select " ~ line ~ " as line), " ~ duckdb_blob(file) ~ ")"
    ) %}
{% endmacro %}


{# Columns of a CSV header line; an unnamed or repeated one gets its position, for names must differ. #}
{% macro duckdb_csv_columns(header) %}
    {% set columns, names = [], [] %}
    {% for cell in modules.re.findall('(?:^|,)("(?:[^"]|"")*"|[^,]*)', header) %}
        {% set name = cell[1:-1] | replace('""', '"') if cell[:1] == '"' and cell[-1:] == '"' else cell %}
        {% if name == '' or name.lower() in names %}{% set name = name ~ '_' ~ loop.index %}{% endif %}
        {% do names.append(name.lower()) %}
        {% do columns.append((name, 'VARCHAR')) %}
    {% endfor %}
    {% do return(columns) %}
{% endmacro %}


{% macro landing_keys(group, limit=none) %}
    {{- return(adapter.dispatch('landing_keys', 'journeys')(group, limit)) -}}
{% endmacro %}

{% macro default__landing_keys(group, limit=none) %}
    {{ exceptions.raise_compiler_error("landing_keys is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_keys(group, limit=none) %}
    {% set lines = duckdb_line_scan(group['files'], group['gzip'], 'header = false, ignore_errors = true') %}
    {% do return(run_query(
        "select distinct unnest(json_keys(line)) as key from (select line from " ~ lines ~ " where "
        ~ duckdb_is_json_object('line') ~ (" limit " ~ limit if limit else "") ~ ") order by key"
    ).columns[0].values()) %}
{% endmacro %}


{% macro spark__landing_keys(group, limit=none) %}
    {% set row = "case when " ~ spark_is_json_object('line') ~ " then line end" %}
    {% do return(run_query(
        "select distinct explode(json_object_keys(" ~ row ~ ")) as key from (select line from "
        ~ spark_scan(group) ~ (" limit " ~ limit if limit else "") ~ ") as lines order by key"
    ).columns[0].values()) %}
{% endmacro %}


{#
    CSV files are always split into lines (by_line). Those with values of several lines (multiline) are read as a
    whole, unless a quote is left open in them.
#}
{% macro spark__landing_groups(table, files) %}
    {% set groups = spark_parquet_groups(files | selectattr('format', 'equalto', 'parquet') | list) %}
    {% set by_header = {} %}
    {% for head in spark_csv_heads(files | selectattr('format', 'equalto', 'csv') | list) if head['columns'] %}
        {% set key = (head['multiline'], head['columns']) | string %}
        {% set group = by_header.setdefault(key, landing_group('csv', false, [])) %}
        {% do group.update({'columns': head['columns'], 'by_line': true, 'multiline': head['multiline']}) %}
        {% do group['files'].append(head['file']) %}
    {% endfor %}
    {% do groups.extend(by_header.values()) %}
    {% set json = files | selectattr('format', 'equalto', 'json') | list %}
    {% if json %}{% do groups.append(landing_group('json', false, json)) %}{% endif %}
    {% for group in groups %}{% do group.update({'id': table ~ '_' ~ loop.index}) %}{% endfor %}
    {% do return(groups) %}
{% endmacro %}


{#
    Parquet files by schema. The schema of a file is asked for once and remembered in ops.landing_schemas, as
    only the file itself can tell it.
#}
{% macro spark_parquet_groups(files) %}
    {% if not files %}{% do return([]) %}{% endif %}
    {% set known_schemas = ops_table('landing_schemas') %}
    {% do run_query(
        'create table if not exists ' ~ known_schemas
        ~ ' (source_file string, bytes bigint, modified_at string, columns string)'
    ) %}
    {% set known = {} %}
    {% for row in run_query('select source_file, bytes, modified_at, columns from ' ~ known_schemas).rows %}
        {% do known.update({(row[0], row[1] | int, row[2] | string) | string: row[3]}) %}
    {% endfor %}
    {% set by_schema, added = {}, [] %}
    {% for file in files %}
        {% set key = (file['name'], file['size'], file['modified_at']) | string %}
        {% if key not in known %}
            {% set columns = [] %}
            {% for row in run_query('describe query select * from ' ~ spark_files('parquet', [file])).rows %}
                {% do columns.append([row[0], row[1]]) %}
            {% endfor %}
            {% do known.update({key: tojson(columns)}) %}
            {% do added.append(
                '(' ~ sql_text(file['name']) ~ ', ' ~ file['size'] ~ ', ' ~ sql_text(file['modified_at']) ~ ', '
                ~ sql_text(known[key]) ~ ')'
            ) %}
        {% endif %}
        {% set group = by_schema.setdefault(known[key], landing_group('parquet', false, [])) %}
        {% do group['files'].append(file) %}
    {% endfor %}
    {% for batch in added | batch(500) %}
        {% do run_query('insert into ' ~ known_schemas ~ ' values ' ~ batch | join(', ')) %}
    {% endfor %}
    {% for schema, group in by_schema.items() %}
        {% for column in fromjson(schema) %}{% do group['columns'].append((column[0], column[1])) %}{% endfor %}
    {% endfor %}
    {% do return(by_schema.values() | list) %}
{% endmacro %}


{#
    What the lines of CSV files say; a list of dicts: file, columns (empty without a header), multiline (values span
    lines), sound (starts with a header).
#}
{% macro spark_csv_heads(files) %}
    {% if not files %}{% do return([]) %}{% endif %}
    {% set by_name, heads = {}, [] %}
    {% for file in files %}{% do by_name.update({file['name']: file}) %}{% endfor %}
    {% set order = "struct(block_start, line_id)" %}
    {% set quotes = "length(line) - length(replace(line, '" ~ '"' ~ "', ''))" %}
    {% set rows = run_query(
        "select landing__name, min_by(line, " ~ order ~ ") filter (where trim(line) <> '') as line,"
        ~ " sum(" ~ quotes ~ ") % 2 as odd, count_if((" ~ quotes ~ ") % 2 = 1) as open_lines from "
        ~ spark_lines(files) ~ " group by landing__name order by landing__name"
    ).rows %}
    {% set suspects = [] %}
    {% for row in rows if row[2] | int == 0 and row[3] | int > 0 %}{% do suspects.append(by_name[row[0]]) %}{% endfor %}
    {% set multiline = spark_multiline_files(suspects) %}
    {% for row in rows %}
        {% set is_sound = row[1] is none or not modules.re.search('[\x00\ufffd]', row[1] | string) %}
        {% set columns = [] %}
        {% if row[1] is not none and is_sound %}
            {% for name, type in duckdb_csv_columns(row[1] | string) %}{% do columns.append((name, 'string')) %}{% endfor %}
        {% endif %}
        {% do heads.append({
            'file': by_name[row[0]], 'columns': columns, 'multiline': row[0] in multiline, 'sound': is_sound
        }) %}
    {% endfor %}
    {% do return(heads) %}
{% endmacro %}


{# Names of the files all of whose values of several lines are closed; a quote left open swallows good lines. #}
{% macro spark_multiline_files(files) %}
    {% if not files %}{% do return([]) %}{% endif %}
    {% set cell = spark_csv_cell() %}
    {% set is_row = "record rlike " ~ sql_text('^' ~ cell ~ '(,' ~ cell ~ ')*$') %}
    {% do return(run_query(
        "select landing__name from " ~ spark_records(files) ~ " group by landing__name having count_if("
        ~ "record rlike '[\\\\r\\\\n]' and not (" ~ is_row ~ ")) = 0"
    ).columns[0].values() | list) %}
{% endmacro %}
