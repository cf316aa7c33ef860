{#
    Stops the run before a model is touched when landing files cannot be loaded, all problems in one message.
    Warns of files and columns that are left out. Looks only at the files this run will load, of the tables given.
#}
{% macro check_landing(tables) %}
    {% set root = landing_root() %}
    {% set paths = list_landing_files([root]) %}
    {% set problems = [] %}
    {% if not paths %}
        {% do problems.append(
            "The landing root '" ~ root ~ "' does not exist, cannot be read or holds no file: set the"
            ~ " environment variable LANDING (or the var landing_root) to the folder that holds"
            ~ " journey_events/ and the other tables."
        ) %}
    {% else %}
        {% do warn_of_unread_folders(root, paths) %}
        {% for table in tables %}{% do check_landing_table(table, problems) %}{% endfor %}
    {% endif %}
    {% if problems %}
        {% set sentences = problems | join("\n  ") %}
        {{ exceptions.raise_compiler_error("The landing files cannot be loaded:\n  " ~ sentences) }}
    {% endif %}
{% endmacro %}


{# Warns of files outside every table folder, with the table names nearest to the folder's. #}
{% macro warn_of_unread_folders(root, paths) %}
    {% set seen = [] %}
    {% for table in contract_tables() %}{% do seen.extend([table, 'raw_' ~ table]) %}{% endfor %}
    {% for path, size, modified_at in paths %}
        {% set parts = path_below_landing_root(path).split('/') %}
        {% set folder = parts[0] if parts | length > 1 else '' %}
        {% if not is_hidden_path(parts[0]) and folder not in seen %}
            {% do seen.append(folder) %}
            {% if folder %}
                {% do exceptions.warn(
                    "The landing folder '" ~ folder ~ "' is no contract table and is not loaded;"
                    ~ " nearest names: " ~ (nearest_tables(folder) | join(', ')) ~ "."
                ) %}
            {% else %}
                {% do exceptions.warn(
                    "The landing root '" ~ root ~ "' holds files outside any table folder, such as '"
                    ~ parts[0] ~ "'; they are not loaded."
                ) %}
            {% endif %}
        {% endif %}
    {% endfor %}
{% endmacro %}


{# The two contract tables whose names differ least from a folder's name. #}
{% macro nearest_tables(folder) %}
    {% do return(run_query(
        "select name from (values ('" ~ (contract_tables() | join("'), ('")) ~ "')) as tables (name)"
        ~ " order by levenshtein(name, " ~ sql_text(folder) ~ "), name limit 2"
    ).columns[0].values()) %}
{% endmacro %}


{# Appends a sentence to `problems` for everything that keeps a table from being loaded. #}
{% macro check_landing_table(table, problems) %}
    {% set delivered = landing_files(table) %}
    {% set files = delivered | selectattr('name', 'in', files_to_load(table)) | list %}
    {% set damages = landing_damages(readable_landing_files(table)) %}
    {% set sound = [] %}
    {% for file in files %}
        {% set subject = "Table " ~ table ~ ": the file '" ~ file['name'] ~ "' " %}
        {% if file['format'] is none %}
            {% do problems.append(
                subject ~ "has an unknown extension; use " ~ (landing_extensions() | join(', '))
                ~ ", or start its name with '_' to have it ignored."
            ) %}
        {% elif file['name'] in damages %}
            {% do problems.append(subject ~ damages[file['name']] ~ "; deliver it again.") %}
        {% elif file['size'] > 0 %}
            {% do sound.append(file) %}
        {% endif %}
    {% endfor %}
    {% if not delivered and contract_tables()[table]['required'] %}
        {% do problems.append(
            "Table " ~ table ~ " is required, but the folder '" ~ landing_root() ~ "/" ~ table
            ~ "' does not exist or holds no file: put its files (.parquet, .csv or .json lines) there,"
            ~ " or point LANDING to another root."
        ) %}
    {% endif %}
    {% if sound %}{% do check_landing_columns(table, landing_groups(table, sound), problems) %}{% endif %}
{% endmacro %}


{# Required columns must be in a file of the table; columns outside the contract are named once. #}
{% macro check_landing_columns(table, groups, problems) %}
    {% set columns = landing_raw_columns(table) %}
    {% set known = columns | map(attribute=0) | list %}
    {% set rules = ('required', 'required_column', 'required_by_link') %}
    {% set required = columns | selectattr(2, 'in', rules) | map(attribute=0) | list %}
    {% set found = [] %}
    {% for group in groups %}
        {% if group['format'] == 'json' %}{% do found.extend(landing_keys(group, 1000)) %}{% endif %}
        {% for name, type in group['columns'] %}
            {% do found.append(name | lower if name | lower in known else name) %}
        {% endfor %}
    {% endfor %}
    {# Keys may first appear below the sample, so only all lines can prove that one is missing. #}
    {% if required | reject('in', found) | list %}
        {% for group in groups if group['format'] == 'json' %}
            {% do found.extend(landing_keys(group)) %}
        {% endfor %}
    {% endif %}
    {% set found = found | unique(case_sensitive=true) | sort(case_sensitive=true) | list %}
    {% for name in required if found and name not in found %}
        {% do problems.append(
            "Table " ~ table ~ ": the required column " ~ name ~ " is in none of its files (found: "
            ~ (found | join(', ')) ~ "); add it, or rename the column that holds it."
        ) %}
    {% endfor %}
    {% set extra = found | reject('in', known) | list %}
    {% if extra %}
        {% do exceptions.warn(
            "Table " ~ table ~ ": columns outside the contract are not loaded: " ~ (extra | join(', ')) ~ "."
        ) %}
    {% endif %}
{% endmacro %}
