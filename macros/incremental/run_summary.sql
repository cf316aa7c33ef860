{#
    What a complete run did, as rows of ops.run_summary (one per run), ops.run_summary_tables (one per run and landing
    table) and ops.run_summary_models (one per run and model); docs/incremental.md describes the columns.
#}
{% macro summarize_run(plan, results) %}
    {% set run_id, mode = sql_text(plan[0]), plan[1] %}
    {% set seconds = {} %}
    {% for result in results if result.node.resource_type == 'model' %}
        {% do seconds.update({result.node.name: result.execution_time}) %}
    {% endfor %}
    {% set models = [] %}
    {% for node in graph.nodes.values()
        if node.resource_type == 'model' and node.package_name == project_name and node.name in seconds %}
        {% set rows = "(select sum(rows_written) from " ~ ops_table('rebuilt_rows') ~ " where model_name = '" ~ node.name ~ "')" %}
        {% if mode == 'unchanged' or node.config.materialized not in ('table', 'incremental') %}
            {% set rows = '0' %}
        {% elif mode == 'full' or node.config.materialized == 'table' %}
            {% set rows = '(select count(*) from ' ~ node.schema ~ '.' ~ node.alias ~ ')' %}
        {% endif %}
        {% do models.append(
            'select ' ~ run_id ~ ", '" ~ node.name ~ "', cast(" ~ seconds[node.name] ~ ' as double), coalesce('
            ~ rows ~ ', 0)'
        ) %}
    {% endfor %}
    {% do run_query('insert into ' ~ ops_table('run_summary_models') ~ ' ' ~ models | join(' union all ')) %}
    {% do run_query(
        "insert into " ~ ops_table('run_summary_tables')
        ~ " select " ~ run_id ~ ", files.table_name, files.files, coalesce(loads.raw_rows, 0),"
        ~ " coalesce(loads.rejected_rows, 0), coalesce(audit.duplicate_rows, 0)"
        ~ " from (select table_name, count(*) as files from " ~ changed_files() ~ " group by table_name) as files"
        ~ " left join (select table_name, sum(raw_rows) as raw_rows, sum(rejected_rows) as rejected_rows from "
        ~ known_relation('stg_loads') ~ " where source_file in (select source_file from " ~ changed_files() ~ ")"
        ~ " group by table_name) as loads on files.table_name = loads.table_name"
        ~ " left join (select table_name, sum(duplicate_rows) as duplicate_rows from "
        ~ known_relation('quality_load_audit') ~ " group by table_name) as audit"
        ~ " on files.table_name = audit.table_name"
    ) %}
    {% set keys = known_relation('int_touched_keys') %}
    {% set counts = [] %}
    {% for change in ('new', 'changed', 'removed') %}
        {% do counts.append("(select count(*) from " ~ changed_files() ~ " where change = '" ~ change ~ "')") %}
    {% endfor %}
    {% for scope in ('pair', 'entry', 'message') %}
        {% do counts.append("(select count(*) from " ~ keys ~ " where scope like '%" ~ scope ~ "')") %}
    {% endfor %}
    {% do run_query(
        "insert into " ~ ops_table('run_summary') ~ " select run_id, mode, reason, started_at, " ~ now_utc() ~ ", "
        ~ counts | join(', ') ~ ", (select coalesce(sum(rows_written), 0) from " ~ ops_table('run_summary_models')
        ~ " where run_id = " ~ run_id ~ "), " ~ (modules.datetime.datetime.now(modules.pytz.utc) - run_started_at).total_seconds()
        ~ " from " ~ ops_table('run_plan')
    ) %}
{% endmacro %}


{# The present instant, UTC, as a literal. #}
{% macro now_utc() %}
    {% do return(
        "cast('" ~ modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%d %H:%M:%S') ~ "' as timestamp)"
    ) %}
{% endmacro %}
