{#
    Listing and inspecting landing files.

    list_landing_files(folders)      [(path, size in bytes, modification time as UTC text)] at any depth, by path
    landing_groups(table, files)     files that one scan can read, with their columns:
                                     [{'format', 'gzip', 'files', 'columns': [(name, type)], 'id'}]
                                     JSON lines have no common columns, theirs is an empty list
    landing_keys(group, limit)       names of the keys in the first `limit` lines of a JSON group (none = all lines)
    sql_text(value)                  a text literal, `null` for none
#}
{% macro list_landing_files(folders) %}{{ return(adapter.dispatch('list_landing_files', 'journeys')(folders)) }}{% endmacro %}

{% macro default__list_landing_files(folders) %}
    {{ exceptions.raise_compiler_error("list_landing_files is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__list_landing_files(folders) %}
    {% set globs = [] %}
    {% for folder in folders %}
        {% do globs.append("select file from glob(" ~ duckdb_path(folder) ~ " || '/**')") %}
    {% endfor %}
    {% set paths = run_query(globs | join(' union all ')).columns[0].values() %}
    {% if not paths %}{% do return([]) %}{% endif %}
    {% set listed = run_query(
        "select filename, size, strftime(timezone('UTC', last_modified), '%Y-%m-%d %H:%M:%S.%f') as modified_at"
        ~ " from read_blob(" ~ duckdb_paths(paths) ~ ") order by filename"
    ) %}
    {% set files = [] %}
    {% for row in listed.rows %}{% do files.append((row[0], row[1], row[2])) %}{% endfor %}
    {% do return(files) %}
{% endmacro %}


{# A path as a text literal that matches itself alone, whatever characters of a pattern are in it. #}
{% macro duckdb_path(path) %}
    {% do return(sql_text(modules.re.sub('([*?[])', '[\\1]', path))) %}
{% endmacro %}

{# A list literal of paths. #}
{% macro duckdb_paths(paths) %}
    {% set literals = [] %}
    {% for path in paths %}{% do literals.append(duckdb_path(path)) %}{% endfor %}
    {% do return('[' ~ (literals | join(', ')) ~ ']') %}
{% endmacro %}


{% macro sql_text(value) %}
    {% do return('null' if value is none else "'" ~ (value | replace("'", "''")) ~ "'") %}
{% endmacro %}


{% macro landing_groups(table, files) %}
    {{- return(adapter.dispatch('landing_groups', 'journeys')(table, files)) -}}
{% endmacro %}

{% macro default__landing_groups(table, files) %}
    {{ exceptions.raise_compiler_error("landing_groups is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_groups(table, files) %}
    {% set groups = [] %}
    {% set parquet = files | selectattr('format', 'equalto', 'parquet') | list %}
    {% if parquet %}
        {% set group = {'format': 'parquet', 'gzip': false, 'files': parquet, 'columns': []} %}
        {% for row in run_query('describe select * from ' ~ duckdb_scan(group)).rows if row[0] != 'landing__file' %}
            {% do group['columns'].append((row[0], row[1])) %}
        {% endfor %}
        {% do groups.append(group) %}
    {% endif %}
    {% set by_header = {} %}
    {% for file, columns in duckdb_csv_headers(files | selectattr('format', 'equalto', 'csv') | list) %}
        {% set key = (file['gzip'], columns) | string %}
        {% if key not in by_header %}
            {% do by_header.update({key: {'format': 'csv', 'gzip': file['gzip'], 'files': [], 'columns': columns}}) %}
        {% endif %}
        {% do by_header[key]['files'].append(file) %}
    {% endfor %}
    {% do groups.extend(by_header.values()) %}
    {% for gzip in (false, true) %}
        {% set json = files | selectattr('format', 'equalto', 'json') | selectattr('gzip', 'equalto', gzip) | list %}
        {% if json %}{% do groups.append({'format': 'json', 'gzip': gzip, 'files': json, 'columns': []}) %}{% endif %}
    {% endfor %}
    {% for group in groups %}{% do group.update({'id': table ~ '_' ~ loop.index}) %}{% endfor %}
    {% do return(groups) %}
{% endmacro %}


{# [(file, [(column, 'VARCHAR')])] for CSV files; the first line is the header, so types need no guessing. #}
{% macro duckdb_csv_headers(files) %}
    {% set found = [] %}
    {% for batch in files | batch(100) %}
        {% set queries = [] %}
        {% for file in batch %}
            {% do queries.append(
                "(select " ~ loop.index0 ~ " as file_index, line from "
                ~ duckdb_line_scan([file], file['gzip'], "parallel = false") ~ " limit 1)"
            ) %}
        {% endfor %}
        {% set headers = {} %}
        {% for row in run_query(queries | join(' union all ')).rows %}
            {% do headers.update({row[0] | int: row[1] or ''}) %}
        {% endfor %}
        {% for file in batch if loop.index0 in headers %}
            {% do found.append((file, duckdb_csv_columns(headers[loop.index0]))) %}
        {% endfor %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}


{# Columns of a CSV header line; an unnamed or repeated name gets its position, since a scan needs distinct names. #}
{% macro duckdb_csv_columns(header) %}
    {% set columns = [] %}
    {% set names = [] %}
    {% for cell in modules.re.findall('(?:^|,)("(?:[^"]|"")*"|[^,]*)', header) %}
        {% set name = cell[1:-1] | replace('""', '"') if cell[:1] == '"' and cell[-1:] == '"' else cell %}
        {% if name == '' or name.lower() in names %}{% set name = name ~ '_' ~ loop.index %}{% endif %}
        {% do names.append(name.lower()) %}
        {% do columns.append((name, 'VARCHAR')) %}
    {% endfor %}
    {% do return(columns) %}
{% endmacro %}


{# Table function that reads a group; its column landing__file is the path of the row's file. #}
{% macro duckdb_scan(group) %}
    {% if group['format'] == 'parquet' %}
        {% do return(
            "read_parquet(" ~ duckdb_paths(group['files'] | map(attribute='path'))
            ~ ", union_by_name = true, hive_partitioning = false, filename = 'landing__file')"
        ) %}
    {% endif %}
    {% set rejects = "store_rejects = true, rejects_table = 'landing_rejects_" ~ group['id']
        ~ "', rejects_scan = 'landing_scans_" ~ group['id'] ~ "'" %}
    {% if group['format'] == 'json' %}
        {% do return(duckdb_line_scan(group['files'], group['gzip'], rejects)) %}
    {% endif %}
    {% set columns = [] %}
    {% for name, type in group['columns'] %}{% do columns.append(sql_text(name) ~ ": 'VARCHAR'") %}{% endfor %}
    {# strict: a lenient parser would silently swallow the lines after a broken quote. #}
    {% do return(
        "read_csv(" ~ duckdb_paths(group['files'] | map(attribute='path')) ~ ", auto_detect = false, header = true, columns = {"
        ~ (columns | join(', ')) ~ "}, delim = ',', quote = '\"', escape = '\"', strict_mode = true, "
        ~ duckdb_text_options(group['gzip']) ~ ", " ~ rejects ~ ")"
    ) %}
{% endmacro %}


{# Table function that reads text files line by line: columns line and landing__file. #}
{% macro duckdb_line_scan(files, gzip, options) %}
    {# A unit separator cannot occur inside valid JSON or a header, so no line is split. #}
    {% do return(
        "read_csv(" ~ duckdb_paths(files | map(attribute='path')) ~ ", auto_detect = false, header = false, "
        ~ "columns = {'line': 'VARCHAR'}, delim = chr(31), quote = '', escape = '', strict_mode = false, "
        ~ duckdb_text_options(gzip) ~ ", " ~ options ~ ")"
    ) %}
{% endmacro %}


{# Options common to every scan of text: 16 MiB lines, and the buffer that holds them. #}
{% macro duckdb_text_options(gzip) %}
    {% do return(
        "compression = '" ~ ('gzip' if gzip else 'none') ~ "', max_line_size = 16777216, buffer_size = 33554432, "
        ~ "hive_partitioning = false, filename = 'landing__file'"
    ) %}
{% endmacro %}


{% macro landing_keys(group, limit=none) %}
    {{- return(adapter.dispatch('landing_keys', 'journeys')(group, limit)) -}}
{% endmacro %}

{% macro default__landing_keys(group, limit=none) %}
    {{ exceptions.raise_compiler_error("landing_keys is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_keys(group, limit=none) %}
    {% set lines = duckdb_line_scan(group['files'], group['gzip'], "ignore_errors = true") %}
    {% do return(run_query(
        "select distinct unnest(json_keys(line)) as key from (select line from " ~ lines
        ~ " where json_valid(line) and starts_with(ltrim(line), '{')" ~ (" limit " ~ limit if limit else "") ~ ") order by key"
    ).columns[0].values()) %}
{% endmacro %}
