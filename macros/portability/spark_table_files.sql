{#
    spark_table_files(): run operation that prints, for every built table and every note of the runs, its columns and the
    Parquet files of its newest snapshot (of a plain Parquet table: those that hold rows), as one line of JSON each:
    {"table", "columns": [[name, type]], "files"}. Other engines read these files. A table that was never built is left
    out. Error: rows that were deleted in files of their own.
#}
{% macro spark_table_files() %}
    {% set tables = [] %}
    {% for name in ops_tables() %}{% do tables.append('ops.' ~ name) %}{% endfor %}
    {% for node in graph.nodes.values()
        if node.package_name == project_name
        and (node.resource_type == 'seed'
            or node.resource_type == 'model' and node.config.materialized in ('table', 'incremental')) %}
        {% if adapter.get_relation(database=none, schema=node.schema, identifier=node.alias) is not none %}
            {% do tables.append(node.schema ~ '.' ~ node.alias) %}
        {% endif %}
    {% endfor %}
    {% set files, queries = {}, [] %}
    {% for table in tables %}
        {% do files.update({table: []}) %}
        {% if can_change_rows() %}
            {% do queries.append("select '" ~ table ~ "' as name, file_path, content from " ~ table ~ ".files") %}
        {% else %}
            {% do queries.append("select distinct '" ~ table ~ "', _metadata.file_path, 0 from " ~ table) %}
        {% endif %}
    {% endfor %}
    {# One job for many tables: a job of its own for each takes a minute. #}
    {% for batch in queries | batch(40) %}
        {% for name, path, content in run_query(batch | join(' union all ')).rows %}
            {% if content %}
                {% do exceptions.raise_compiler_error(
                    name ~ ' has rows deleted in files of their own (merge-on-read). Set write.delete.mode and'
                    ~ ' write.merge.mode to copy-on-write, then run a full refresh.'
                ) %}
            {% endif %}
            {% do files[name].append(path) %}
        {% endfor %}
    {% endfor %}
    {% for table in tables %}
        {% set columns = [] %}
        {% for name, type, comment in run_query('describe table ' ~ table).rows %}
            {% if not name or name.startswith('#') %}{% break %}{% endif %}
            {% do columns.append([name, type]) %}
        {% endfor %}
        {% do print(tojson({'table': table, 'columns': columns, 'files': files[table]})) %}
    {% endfor %}
{% endmacro %}
