{#
    Listing and inspecting landing files.

    list_landing_files(folders)      [(path, size in bytes, modification time as UTC text)] at any depth, by path
    landing_damages(files)           {name of a file that must not be read: what is wrong with it}
    landing_groups(table, files)     files that one scan can read, with their columns:
                                     [{'format', 'gzip', 'mixed', 'by_line', 'files', 'columns': [(name, type)], 'id'}]
                                     JSON lines have no common columns, theirs is an empty list
    landing_keys(group, limit)       names of the keys in the first `limit` lines of a JSON group (none = all lines)
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


{# A value as a text literal, `null` for none. #}
{% macro sql_text(value) %}
    {% do return('null' if value is none else "'" ~ (value | replace("'", "''")) ~ "'") %}
{% endmacro %}


{% macro landing_damages(files) %}{{ return(adapter.dispatch('landing_damages', 'journeys')(files)) }}{% endmacro %}

{% macro default__landing_damages(files) %}
    {{ exceptions.raise_compiler_error("landing_damages is not implemented for " ~ target.type) }}
{% endmacro %}

{# A larger Parquet file is not read here: the engine itself stops at a damaged one and names it. #}
{% macro duckdb__landing_damages(files) %}
    {% set damages = {} %}
    {% for file in files %}
        {% if file['format'] == 'parquet' and file['size'] <= 1048576 %}
            {% set magic = "select hex(content[:4]) || hex(content[-4:]) from read_blob([" ~ duckdb_path(file['path']) ~ "])" %}
            {% if run_query(magic).rows[0][0] != '5041523150415231' %}
                {% do damages.update({file['name']: 'is no complete Parquet file'}) %}
            {% endif %}
        {% elif file['gzip'] and file['size'] <= 1073741824 %}
            {% set damage = duckdb_gzip_damage(file) %}
            {% if damage %}{% do damages.update({file['name']: damage}) %}{% endif %}
        {% endif %}
    {% endfor %}
    {% set csv = files | selectattr('format', 'equalto', 'csv') | rejectattr('name', 'in', damages) | list %}
    {% for head in duckdb_csv_heads(csv) if head['damage'] %}
        {% do damages.update({head['file']['name']: head['damage']}) %}
    {% endfor %}
    {% do return(damages) %}
{% endmacro %}


{#
    The engine reads a truncated gzip file without a word, so the text is measured against the length that the last
    four bytes promise. A file of several gzip members cannot be measured: that length is the last member's alone.
#}
{% macro duckdb_gzip_damage(file) %}
    {% set blob = "read_blob([" ~ duckdb_path(file['path']) ~ "])" %}
    {% set head = run_query(
        "select hex(content[:2]) = '1F8B', cast('0x' || hex(content[-1:]) || hex(content[-2:-2]) || hex(content[-3:-3])"
        ~ " || hex(content[-4:-4]) as bigint) from " ~ blob
    ).rows[0] %}
    {% if not head[0] %}{% do return('is no gzip file') %}{% endif %}
    {% do duckdb_drop_rejects('damage') %}
    {% set lines = duckdb_line_scan([file], true, duckdb_store_rejects('damage_1') ~ ', header = false') %}
    {% set text = run_query("select count(*), coalesce(sum(strlen(line)), 0) from " ~ lines).rows[0] %}
    {# One or two bytes end a line, the last line may have no end, and a byte order mark is not part of the text. #}
    {% set rest = (head[1] - text[1]) % 4294967296 %}
    {% if rest <= 2 * text[0] + 3 or rest == 4294967295 %}{% do return(none) %}{% endif %}
    {% set unmeasured = "select exists (select 1 from landing_rejects_damage_1) or regexp_matches(substr(hex(content), 3), '1F8B08[01]')" %}
    {% if run_query(unmeasured ~ " from " ~ blob).rows[0][0] %}{% do return(none) %}{% endif %}
    {% do return('is a damaged or incomplete gzip file') %}
{% endmacro %}


{% macro landing_groups(table, files) %}
    {{- return(adapter.dispatch('landing_groups', 'journeys')(table, files)) -}}
{% endmacro %}

{% macro default__landing_groups(table, files) %}
    {{ exceptions.raise_compiler_error("landing_groups is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_groups(table, files) %}
    {% set groups = duckdb_parquet_groups(files | selectattr('format', 'equalto', 'parquet') | list) %}
    {% set by_header = {} %}
    {% for head in duckdb_csv_heads(files | selectattr('format', 'equalto', 'csv') | list) if head['columns'] %}
        {% set file = head['file'] %}
        {% set key = (file['gzip'], head['mixed'], head['columns']) | string %}
        {% if key not in by_header %}
            {% do by_header.update({key: {
                'format': 'csv', 'gzip': file['gzip'], 'mixed': head['mixed'], 'by_line': false,
                'files': [], 'columns': head['columns']
            }}) %}
        {% endif %}
        {% do by_header[key]['files'].append(file) %}
    {% endfor %}
    {% do groups.extend(by_header.values()) %}
    {% for gzip in (false, true) %}
        {% set json = files | selectattr('format', 'equalto', 'json') | selectattr('gzip', 'equalto', gzip) | list %}
        {% if json %}{% do groups.append({'format': 'json', 'gzip': gzip, 'by_line': false, 'files': json, 'columns': []}) %}{% endif %}
    {% endfor %}
    {% for group in groups %}{% do group.update({'id': table ~ '_' ~ loop.index}) %}{% endfor %}
    {% do return(groups) %}
{% endmacro %}


{#
    Parquet files by schema. Reading files of different schemas as one would force a common type on a column:
    a map on a struct, a double on long ids.
#}
{% macro duckdb_parquet_groups(files) %}
    {% if not files %}{% do return([]) %}{% endif %}
    {% set by_path, by_schema = {}, {} %}
    {% for file in files %}{% do by_path.update({file['path']: file}) %}{% endfor %}
    {% for row in run_query(
        "select file_name, string_agg(concat_ws(' ', name, num_children, converted_type, duckdb_type), ',' order by name, duckdb_type) as schema"
        ~ " from parquet_schema(" ~ duckdb_paths(by_path) ~ ") group by file_name order by file_name"
    ).rows %}
        {% set group = by_schema.setdefault(row[1], {'format': 'parquet', 'gzip': false, 'by_line': false, 'files': []}) %}
        {% do group['files'].append(by_path[row[0]]) %}
    {% endfor %}
    {% for group in by_schema.values() %}
        {% set columns = [] %}
        {% for row in run_query('describe select * from ' ~ duckdb_scan(group)).rows if row[0] != 'landing__file' %}
            {% do columns.append((row[0], row[1])) %}
        {% endfor %}
        {% do group.update({'columns': columns}) %}
    {% endfor %}
    {% do return(by_schema.values() | list) %}
{% endmacro %}


{#
    What the first line and the line ends of CSV files say, so that no scan has to guess; a list of dicts:
    file, columns [(name, 'VARCHAR')] (none without a header), mixed (lines end in more than one way), damage.
#}
{% macro duckdb_csv_heads(files) %}
    {% set small = files | selectattr('size', 'le', 1048576) | list %}
    {% set large = files | selectattr('size', 'gt', 1048576) | list %}
    {% set heads = [] %}
    {% for batch in (small | batch(100) | list) + (large | batch(1) | list) %}
        {% set queries, by_path = [], {} %}
        {% for file in batch %}
            {% do by_path.update({file['path']: file}) %}
            {% do queries.append(duckdb_csv_head_query(file)) %}
        {% endfor %}
        {% for row in run_query(queries | join(' union all ')).rows %}
            {% set file = by_path[row['path']] %}
            {% set head = {'file': file, 'columns': none, 'mixed': row['mixed'], 'damage': none} %}
            {% if not row['sound'] %}{% do head.update({'damage': 'does not start with a header line in UTF-8'}) %}
            {% elif row['line'] is not none %}{% do head.update({'columns': duckdb_csv_columns(row['line'] | string)}) %}
            {% endif %}
            {% do heads.append(head) %}
        {% endfor %}
    {% endfor %}
    {% do return(heads) %}
{% endmacro %}


{#
    One row for a CSV file: path, line (the first that is not blank), mixed, sound (the file does start with that line).
    Compressed files and those above 64 MiB are not looked at whole: the programs that write them write one line end.
#}
{% macro duckdb_csv_head_query(file) %}
    {% set line = "(select line from " ~ duckdb_line_scan([file], file['gzip'], 'header = false, parallel = false, ignore_errors = true')
        ~ " where trim(line) <> '' limit 1)" %}
    {% if file['gzip'] or file['size'] > 67108864 %}
        {% do return(
            "(select " ~ sql_text(file['path']) ~ " as path, " ~ line ~ " as line, false as mixed, true as sound)"
        ) %}
    {% endif %}
    {# The text of a blob writes a carriage return as \x0D, a line feed as \x0A, a quote as \x22, in any encoding. #}
    {% set line_ends = "regexp_extract_all(regexp_replace(cast(content as varchar), '\\\\x22.*?\\\\x22', '', 'g'),"
        ~ " '\\\\x0D\\\\x0A|\\\\x0D|\\\\x0A')" %}
    {% do return(
        "(select " ~ sql_text(file['path']) ~ " as path, head.line,"
        ~ " case when contains(hex(content), '0D') then len(list_distinct(" ~ line_ends ~ ")) > 1 else false end as mixed,"
        ~ " case when head.line is null then regexp_full_match(cast(content as varchar), '(\\\\xEF\\\\xBB\\\\xBF)?(\\\\x0[9AD]| )*')"
        ~ " else starts_with(replace(hex(content[:300]), 'EFBBBF', ''), hex(left(head.line, 64))) end as sound"
        ~ " from (select " ~ line ~ " as line) as head, read_blob([" ~ duckdb_path(file['path']) ~ "]) as body)"
    ) %}
{% endmacro %}


{#
    Moves the CSV files in which the engine's parser would swallow lines, because quotes are open, to groups that are
    read line by line. A file with an odd number of quotes has an open one; a file with such lines has open ones or
    values of several lines, and only a trial tells.
#}
{% macro duckdb_split_open_quotes(groups) %}
    {% set split = [] %}
    {% for group in groups %}
        {% set broken = duckdb_open_quote_files(group) if group['format'] == 'csv' else [] %}
        {% set whole = group['files'] | rejectattr('path', 'in', broken) | list %}
        {% if whole %}{% do split.append(dict(group, files=whole)) %}{% endif %}
        {% if broken %}
            {% do split.append(dict(
                group, files=group['files'] | selectattr('path', 'in', broken) | list, by_line=true, id=group['id'] ~ '_0'
            )) %}
        {% endif %}
    {% endfor %}
    {% do return(split) %}
{% endmacro %}


{# Paths of the files of a CSV group in which a quote is left open. #}
{% macro duckdb_open_quote_files(group) %}
    {% set broken, suspects = [], [] %}
    {% for row in run_query(
        "select landing__file, sum(quotes) % 2 = 1 as is_odd from (select landing__file,"
        ~ " strlen(line) - strlen(replace(line, '\"', '')) as quotes from "
        ~ duckdb_line_scan(group['files'], group['gzip'], 'header = false, ignore_errors = true')
        ~ ") group by landing__file having bool_or(quotes % 2 = 1)"
    ).rows %}
        {% do (broken if row['is_odd'] else suspects).append(row['landing__file']) %}
    {% endfor %}
    {# The lenient parser of mixed line ends reports no swallowed lines. #}
    {% if suspects and not group['mixed'] %}
        {% do duckdb_drop_rejects('trial') %}
        {% set files = group['files'] | selectattr('path', 'in', suspects) | list %}
        {% do run_query("select count(*) from " ~ duckdb_scan(dict(group, files=files, id='trial_1'))) %}
        {% do broken.extend(run_query(
            "select distinct file_path from (" ~ duckdb_malformed_lines(['landing_rejects_trial_1'])
            ~ ") where regexp_matches(rtrim(csv_line, e'\\r\\n'), '[\\r\\n]')"
        ).columns[0].values()) %}
    {% endif %}
    {% do return(broken) %}
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
    {% if group['format'] == 'json' or group['by_line'] %}
        {% set header = ', header = ' ~ (group['format'] == 'csv') | lower %}
        {% do return(duckdb_line_scan(group['files'], group['gzip'], duckdb_store_rejects(group['id']) ~ header)) %}
    {% endif %}
    {% set columns = [] %}
    {% for name, type in group['columns'] %}{% do columns.append(sql_text(name) ~ ": 'VARCHAR'") %}{% endfor %}
    {# A lenient parser swallows the lines after a broken quote; a strict one loses lines when line ends are mixed. #}
    {% do return(
        "read_csv(" ~ duckdb_paths(group['files'] | map(attribute='path')) ~ ", auto_detect = false, header = true, columns = {"
        ~ (columns | join(', ')) ~ "}, delim = ',', quote = '\"', escape = '\"', strict_mode = " ~ (not group['mixed']) | lower ~ ", "
        ~ duckdb_text_options(group['gzip']) ~ ", " ~ duckdb_store_rejects(group['id']) ~ ")"
    ) %}
{% endmacro %}


{# Table function that reads text files line by line: columns line and landing__file. #}
{% macro duckdb_line_scan(files, gzip, options) %}
    {# A unit separator cannot occur inside valid JSON or a header, so no line is split. #}
    {% do return(
        "read_csv(" ~ duckdb_paths(files | map(attribute='path')) ~ ", auto_detect = false, "
        ~ "columns = {'line': 'VARCHAR'}, delim = chr(31), quote = '', escape = '', strict_mode = false, "
        ~ duckdb_text_options(gzip) ~ ", " ~ options ~ ")"
    ) %}
{% endmacro %}


{# Options that keep the lines a scan cannot read in temporary tables named after `id`. #}
{% macro duckdb_store_rejects(id) %}
    {% do return(
        "store_rejects = true, rejects_table = 'landing_rejects_" ~ id ~ "', rejects_scan = 'landing_scans_" ~ id ~ "'"
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
    {% set lines = duckdb_line_scan(group['files'], group['gzip'], "header = false, ignore_errors = true") %}
    {% do return(run_query(
        "select distinct unnest(json_keys(line)) as key from (select line from " ~ lines
        ~ " where json_valid(line) and starts_with(ltrim(line), '{')" ~ (" limit " ~ limit if limit else "") ~ ") order by key"
    ).columns[0].values()) %}
{% endmacro %}
