{#
    spark_table_files(): run operation that prints, for every built table and every note of the runs, its columns and the
    Parquet files of its newest snapshot, as one line of JSON each: {"table", "columns": [[name, type]], "files"}. Other
    engines read these files. Errors: a table that is missing, or whose rows were deleted in files of their own.
#}
{% macro spark_table_files() %}
    {% set tables = [] %}
    {% for name in ops_tables() %}{% do tables.append('ops.' ~ name) %}{% endfor %}
    {% for node in graph.nodes.values()
        if node.package_name == project_name
        and (node.resource_type == 'seed' or node.config.materialized in ('table', 'incremental')) %}
        {% do tables.append(node.schema ~ '.' ~ node.alias) %}
    {% endfor %}
    {% for table in tables %}
        {% set columns = [] %}
        {% for column in run_query('describe table ' ~ table).rows %}
            {% if not column[0] or column[0].startswith('#') %}{% break %}{% endif %}
            {% do columns.append([column[0], column[1]]) %}
        {% endfor %}
        {% set files = run_query('select file_path, content from ' ~ table ~ '.files order by file_path').rows %}
        {% if files | map(attribute=1) | select | list %}
            {% do exceptions.raise_compiler_error(
                table ~ ' has rows deleted in files of their own (merge-on-read). Set write.delete.mode and'
                ~ ' write.merge.mode to copy-on-write, then run a full refresh.'
            ) %}
        {% endif %}
        {% do print(tojson({'table': table, 'columns': columns, 'files': files | map(attribute=0) | list})) %}
    {% endfor %}
{% endmacro %}
