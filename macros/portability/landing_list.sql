{#
    list_landing_files(folders): files at any depth, in the order of their paths:
    [(path, size in bytes, modification time as UTC text)]. Links are followed down to one folder below each.
#}
{% macro list_landing_files(folders) %}
    {{- return(adapter.dispatch('list_landing_files', 'journeys')(folders)) -}}
{% endmacro %}

{% macro default__list_landing_files(folders) %}
    {{ exceptions.raise_compiler_error("list_landing_files is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__list_landing_files(folders) %}
    {% set globs = [] %}
    {% for folder in folders %}
        {# '**' passes over links. #}
        {% for pattern in ('/**', '/*', '/*/*') %}
            {% do globs.append("select file from glob(" ~ duckdb_path(folder) ~ " || '" ~ pattern ~ "')") %}
        {% endfor %}
    {% endfor %}
    {% set paths = run_query(globs | join(' union ')).columns[0].values() %}
    {% if not paths %}{% do return([]) %}{% endif %}
    {% set listed = run_query(
        "select filename, size, strftime(timezone('UTC', last_modified), '%Y-%m-%d %H:%M:%S.%f')"
        ~ " from read_blob(" ~ duckdb_paths(paths) ~ ") order by filename"
    ) %}
    {% set files = [] %}
    {% for row in listed.rows %}{% do files.append((row[0], row[1], row[2])) %}{% endfor %}
    {% do return(files) %}
{% endmacro %}


{# The listing is taken once per run and kept in the session; each folder is a part of it. #}
{% macro spark__list_landing_files(folders) %}
    {% set root = landing_root() %}
    {% set listing = 'landing_listing_' ~ invocation_id | replace('-', '_') %}
    {% set start = root ~ '/' if root.startswith('/') or '://' in root else '/' ~ root ~ '/' %}
    {% set name = "substr(path, instr(path, " ~ sql_text(start) ~ ") + " ~ start | length ~ ")" %}
    {% if not run_query("show views like '" ~ listing ~ "'").rows %}
        {% do run_query(
            "create or replace temporary view " ~ listing ~ "_files using binaryFile options (path "
            ~ sql_text(spark_path(root)) ~ ", recursiveFileLookup 'true')"
        ) %}
        {% do run_query(
            "cache table " ~ listing ~ " as select " ~ sql_text(root ~ '/') ~ " || " ~ name ~ " as file, length,"
            ~ " date_format(modificationTime, 'yyyy-MM-dd HH:mm:ss.SSSSSS') as modified_at from " ~ listing ~ "_files"
        ) %}
    {% endif %}
    {% set listed = run_query("select file, length, modified_at from " ~ listing ~ " order by file") %}
    {% set files = [] %}
    {% for row in listed.rows %}
        {% for folder in folders if row[0].startswith(folder ~ '/') %}
            {% do files.append((row[0], row[1], row[2])) %}
        {% endfor %}
    {% endfor %}
    {% do return(files) %}
{% endmacro %}


{# A path that matches itself alone, whatever characters of a pattern are in it. #}
{% macro spark_path(path) %}
    {% do return(modules.re.sub('([*?{}\\[\\],\\\\])', '\\\\\\1', path)) %}
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
{% macro sql_text(value) %}{{ return(adapter.dispatch('sql_text', 'journeys')(value)) }}{% endmacro %}

{% macro default__sql_text(value) %}
    {{ exceptions.raise_compiler_error("sql_text is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__sql_text(value) %}
    {% do return('null' if value is none else "'" ~ (value | replace("'", "''")) ~ "'") %}
{% endmacro %}

{# A backslash begins an escape. #}
{% macro spark__sql_text(value) %}
    {% do return(
        'null' if value is none else "'" ~ (value | replace('\\', '\\\\') | replace("'", "''")) ~ "'"
    ) %}
{% endmacro %}
