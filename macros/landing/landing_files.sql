{#
    Files of one contract table, at any depth below <root>/<table>/ or <root>/raw_<table>/, by path.

    Names that start with '_' or '.' are hidden and left out. Returns a list of dicts:
      path         as the engine names it
      name         path below the landing root, stored as source_file
      format       'parquet' | 'csv' | 'json', none when the extension is unknown
      size         bytes; an empty file holds no rows
      gzip         true for a gzip-compressed text file
      received_at  last microsecond of the day of its load_date=YYYY-MM-DD folder, else modified_at (UTC text)
      modified_at  modification time (UTC text), none when the file system does not tell
#}
{% macro landing_files(table) %}
    {% set root = landing_root() %}
    {% set files = [] %}
    {% for path, size, modified_at in list_landing_files([root ~ '/' ~ table, root ~ '/raw_' ~ table]) %}
        {% set name = path_below_landing_root(path) %}
        {% if not is_hidden_path(name) %}
            {% do files.append({
                'path': path,
                'name': name,
                'format': landing_format(name),
                'size': size | int,
                'gzip': name.lower().endswith('.gz'),
                'received_at': load_date_end(name) or modified_at,
                'modified_at': modified_at,
            }) %}
        {% endif %}
    {% endfor %}
    {% do return(files) %}
{% endmacro %}


{# Files of a table that this run loads and that hold rows in a known format. #}
{% macro readable_landing_files(table) %}
    {% do return(
        landing_files(table) | rejectattr('format', 'none') | selectattr('size', 'gt', 0)
        | selectattr('name', 'in', files_to_load(table)) | list
    ) %}
{% endmacro %}


{# Names of the files of a table that this run loads: all in a full run, else the new and changed ones. #}
{% macro files_to_load(table) %}
    {% if run_mode() == 'full' %}{% do return(landing_files(table) | map(attribute='name') | list) %}{% endif %}
    {% do return(run_query(
        "select source_file from " ~ changed_files() ~ " where table_name = '" ~ table ~ "' and change <> 'removed'"
    ).columns[0].values() | list) %}
{% endmacro %}


{# True when a folder or the file of a path below the landing root starts with '_' or '.'. #}
{% macro is_hidden_path(name) %}
    {% do return(modules.re.search('(^|/)[_.]', name) is not none) %}
{% endmacro %}


{# Format by file extension, none when unknown. #}
{% macro landing_format(name) %}
    {% for extension, format in landing_extensions().items() if name.lower().endswith(extension) %}
        {% do return(format) %}
    {% endfor %}
    {% do return(none) %}
{% endmacro %}


{# Known file extensions and the format each one means. #}
{% macro landing_extensions() %}
    {% do return({
        '.parquet': 'parquet', '.csv': 'csv', '.csv.gz': 'csv', '.json': 'json', '.json.gz': 'json',
        '.jsonl': 'json', '.jsonl.gz': 'json', '.ndjson': 'json', '.ndjson.gz': 'json',
    }) %}
{% endmacro %}


{# Last microsecond of the day of the load_date=YYYY-MM-DD folder in a path, none without such a folder. #}
{% macro load_date_end(name) %}
    {% set folder = modules.re.search('/load_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/', name) %}
    {% set is_day = folder and is_date_text(folder.group(1)) %}
    {% do return(folder.group(1) ~ ' 23:59:59.999999' if is_day else none) %}
{% endmacro %}
