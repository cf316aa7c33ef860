{# landing_damages(files): {name of a file that must not be read: what is wrong with it}. #}
{% macro landing_damages(files) %}
    {{- return(adapter.dispatch('landing_damages', 'journeys')(files)) -}}
{% endmacro %}

{% macro default__landing_damages(files) %}
    {{ exceptions.raise_compiler_error("landing_damages is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__landing_damages(files) %}
    {% set damages = {} %}
    {% for file in files %}
        {# Larger Parquet files are not read for this: the engine stops at a damaged one and names it. #}
        {% if file['format'] == 'parquet' and file['size'] <= 1048576 %}
            {% set ends = "select hex(content[:4]) || hex(content[-4:]) from " ~ duckdb_blob(file) %}
            {% if run_query(ends).rows[0][0] != '5041523150415231' %}
                {% do damages.update({file['name']: 'is no complete Parquet file'}) %}
            {% endif %}
        {% elif file['gzip'] and file['size'] <= 1073741824 %}
            {% set damage = duckdb_gzip_damage(file) %}
            {% if damage %}{% do damages.update({file['name']: damage}) %}{% endif %}
        {% endif %}
    {% endfor %}
    {% set csv = files | selectattr('format', 'equalto', 'csv') | rejectattr('name', 'in', damages) | list %}
    {% for head in duckdb_csv_heads(csv) if not head['sound'] %}
        {% do damages.update({head['file']['name']: 'does not start with a header line in UTF-8'}) %}
    {% endfor %}
    {% do return(damages) %}
{% endmacro %}


{#
    What is wrong with a gzip file, none for a sound one. The engine reads a truncated one without a word, so
    the text is measured against the length that the last four bytes promise. A file of several gzip members
    cannot be measured: that length is the last member's alone.
#}
{% macro duckdb_gzip_damage(file) %}
    {% set ends = run_query(
        "select hex(content[:2]) = '1F8B', cast('0x' || hex(content[-1:]) || hex(content[-2:-2])"
        ~ " || hex(content[-3:-3]) || hex(content[-4:-4]) as bigint) from " ~ duckdb_blob(file)
    ).rows[0] %}
    {% if not ends[0] %}{% do return('is no gzip file') %}{% endif %}
    {% do duckdb_drop_rejects('damage') %}
    {% set text = run_query(
        "select count(*), coalesce(sum(strlen(line)), 0) from "
        ~ duckdb_line_scan([file], true, 'header = false, ' ~ duckdb_store_rejects('damage_1'))
    ).rows[0] %}
    {# One or two bytes end a line, the last may have no end, and a byte order mark is no part of the text. #}
    {% set rest = (ends[1] - text[1]) % 4294967296 %}
    {% if rest <= 2 * text[0] + 3 or rest == 4294967295 %}{% do return(none) %}{% endif %}
    {% set is_unmeasured = run_query(
        "select exists (select 1 from landing_rejects_damage_1)"
        ~ " or regexp_matches(substr(hex(content), 3), '1F8B08[01]') from " ~ duckdb_blob(file)
    ).rows[0][0] %}
    {% do return(none if is_unmeasured else 'is a damaged or incomplete gzip file') %}
{% endmacro %}


{# Relation of one row whose column content is the bytes of a file. #}
{% macro duckdb_blob(file) %}{% do return("read_blob([" ~ duckdb_path(file['path']) ~ "])") %}{% endmacro %}


{# The engine stops at a damaged Parquet or gzip file and names it. #}
{% macro spark__landing_damages(files) %}
    {% set damages = {} %}
    {% set csv = files | selectattr('format', 'equalto', 'csv') | list %}
    {% for head in spark_csv_heads(csv) if not head['sound'] %}
        {% do damages.update({head['file']['name']: 'does not start with a header line in UTF-8'}) %}
    {% endfor %}
    {% do return(damages) %}
{% endmacro %}
