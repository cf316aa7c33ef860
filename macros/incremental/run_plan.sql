{#
    What a run has to do, decided once before any model is built, from the landing files and from what the last complete
    run left in schema ops.

    plan_run()      on-run-start: mode 'full', 'incremental' or 'unchanged' into ops.run_plan, and the landing files that
                    are new, changed or gone into ops.changed_files
    finish_run()    on-run-end: after a run of the whole project without an error, remembers the files, identities and
                    definitions it has seen. Until then every later run starts from the same point.
    run_mode()      the mode of this run; 'full' when nothing was ever planned
#}
{% macro ops_table(name) %}
    {% do return(api.Relation.create(database=target.get("database"), schema='ops', identifier=name)) %}
{% endmacro %}

{% macro changed_files() %}{% do return(ops_table('changed_files')) %}{% endmacro %}


{% macro event_tables() %}{% do return(['journey_events', 'message_events', 'user_events']) %}{% endmacro %}


{% macro ops_tables() %}
    {% do return({
        'run_plan': 'run_id string, mode string, reason string, settings string, started_at timestamp',
        'completed_runs': 'run_id string, settings string, models string, finished_at timestamp',
        'landing_files': 'table_name string, source_file string, bytes bigint, modified_at string',
        'listed_files': 'table_name string, source_file string, bytes bigint, modified_at string',
        'changed_files': 'table_name string, source_file string, bytes bigint, modified_at string, change string',
        'touched_rows': 'table_name string, account_key string, event_id string, user_key string, journey_id string,'
            ~ ' journey_entry_id string, message_id string, event_name string, occurred_at timestamp',
        'known_identities': 'account_key string, user_id string, user_key string',
        'known_test_users': 'account_key string, user_key string',
        'known_definitions': 'kind string, account_key string, definition_key string, content string',
        'rebuilt_rows': 'model_name string, rows_written bigint',
        'run_summary': 'run_id string, mode string, reason string, started_at timestamp, finished_at timestamp,'
            ~ ' files_new bigint, files_changed bigint, files_removed bigint, touched_pairs bigint,'
            ~ ' touched_entries bigint, touched_messages bigint, rows_written bigint, seconds double',
        'run_summary_tables': 'run_id string, table_name string, files bigint, raw_rows bigint, rejected_rows bigint,'
            ~ ' duplicate_rows bigint',
        'run_summary_models': 'run_id string, model_name string, seconds double, rows_written bigint',
    }) %}
{% endmacro %}


{% macro run_mode() %}
    {% if not execute or flags.FULL_REFRESH %}{% do return('full') %}{% endif %}
    {% set plan = adapter.get_relation(database=target.get("database"), schema='ops', identifier='run_plan') %}
    {% if plan is none %}{% do return('full') %}{% endif %}
    {% set plans = run_query('select run_id, mode from ' ~ plan).rows %}
    {% if not plans %}{% do return('full') %}{% endif %}
    {# A run of some models without the landed tables has no plan of its own: it builds them from what there is. #}
    {% set unplanned = 'incremental' if can_change_rows() else 'full' %}
    {% do return(plans[0][1] if plans[0][0] == invocation_id else unplanned) %}
{% endmacro %}


{# dbt's own macro, extended: a run planned as full rebuilds every incremental model. #}
{% macro should_full_refresh() %}
    {% if config.get('full_refresh') is not none %}{% do return(config.get('full_refresh')) %}{% endif %}
    {% do return(flags.FULL_REFRESH or (model.resource_type == 'model' and run_mode() == 'full')) %}
{% endmacro %}


{# True when the run is to build the whole project, so that it can be remembered as complete. #}
{% macro is_whole_project() %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' and node.package_name == project_name %}
        {% if node.unique_id not in selected_resources %}{% do return(false) %}{% endif %}
    {% endfor %}
    {% do return(true) %}
{% endmacro %}


{# Text that changes when a model, a seed or a setting changes; as_of may move without a rebuild. #}
{% macro settings_text() %}
    {% set settings = {} %}
    {% for name in [
        'default_source_system', 'default_source_account', 'reporting_timezone', 'conversion_boundary',
        'bot_click_min_seconds', 'max_open_entry_seconds', 'primary_goal_id', 'campaign_conversion_seconds',
        'override_window_anchor', 'restate_goals'
    ] %}
        {% do settings.update({name: var(name)}) %}
    {% endfor %}
    {% set accounts = {} %}
    {% for account, overrides in (var('account_settings') or {}).items() %}
        {% set kept = {} %}
        {% for name, value in overrides.items() if name != 'as_of' %}{% do kept.update({name: value}) %}{% endfor %}
        {% if kept %}{% do accounts.update({account: kept}) %}{% endif %}
    {% endfor %}
    {% do settings.update({'account_settings': accounts}) %}
    {% do return(local_md5(tojson(settings, sort_keys=true))) %}
{% endmacro %}


{# The instants of as_of and the ranges of custom_periods: they move figures but need no rebuild of facts. #}
{% macro clocks_text() %}
    {% set clocks = {'as_of': var('as_of') | string, 'custom_periods': var('custom_periods') | string} %}
    {% for account, overrides in (var('account_settings') or {}).items() if 'as_of' in overrides %}
        {% do clocks.update({account: overrides['as_of'] | string}) %}
    {% endfor %}
    {% do return(local_md5(tojson(clocks, sort_keys=true))) %}
{% endmacro %}


{% macro models_text() %}
    {% set checksums = [] %}
    {% for node in graph.nodes.values()
        if node.resource_type in ('model', 'seed') and node.package_name == project_name %}
        {% do checksums.append(node.unique_id ~ ' ' ~ node.checksum.checksum) %}
    {% endfor %}
    {% do return(local_md5(checksums | sort | join('\n'))) %}
{% endmacro %}


{% macro plan_run() %}
    {% if not execute %}{% do return('') %}{% endif %}
    {% set tables = [] %}
    {% for table in contract_tables() if 'model.' ~ project_name ~ '.stg_contract__' ~ table in selected_resources %}
        {% do tables.append(table) %}
    {% endfor %}
    {% if not tables %}{% do return('') %}{% endif %}
    {% do run_query('create schema if not exists ops') %}
    {% for name, columns in ops_tables().items() %}
        {% do run_query('create table if not exists ' ~ ops_table(name) ~ ' (' ~ columns ~ ')') %}
    {% endfor %}
    {% set reason = reason_for_full_run() %}
    {% if not reason %}
        {% do find_changed_files() %}
        {% set mode = 'incremental' if has_work() else 'unchanged' %}
        {% if mode == 'incremental' and not can_change_rows() %}
            {% set reason = 'files changed, and rows of plain Parquet tables cannot be' %}
        {% endif %}
    {% endif %}
    {% if reason %}
        {% set mode = 'full' %}
        {% do check_full_run_is_allowed(reason) %}
        {# Nothing is known any more, also not to the next run should this one be interrupted. #}
        {% for name in ('completed_runs', 'landing_files', 'touched_rows') %}
            {% do run_query(delete_all_rows(ops_table(name))) %}
        {% endfor %}
        {% do find_changed_files() %}
    {% else %}
        {% set reason = 'new, changed or removed files, or work of an interrupted run'
            if mode == 'incremental' else 'no new file since the last complete run' %}
    {% endif %}
    {% do run_query(delete_all_rows(ops_table('run_plan'))) %}
    {% do run_query(
        'insert into ' ~ ops_table('run_plan') ~ ' values (' ~ sql_text(invocation_id) ~ ', ' ~ sql_text(mode) ~ ', '
        ~ sql_text(reason) ~ ', ' ~ sql_text(settings_text() ~ clocks_text()) ~ ", cast('"
        ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ "' as timestamp))"
    ) %}
    {% do run_query(delete_all_rows(ops_table('rebuilt_rows'))) %}
    {% do log('Run plan: ' ~ mode ~ ' (' ~ reason ~ ').', info=true) %}
    {% do adapter.commit() %}
    {% do check_landing(tables) %}
{% endmacro %}


{# Compares the landing files with those of the last complete run. #}
{% macro find_changed_files() %}
    {% do run_query(delete_all_rows(changed_files())) %}
    {% set values = [] %}
    {% for table in contract_tables() %}
        {% for file in landing_files(table) %}
            {% do values.append(
                '(' ~ sql_text(table) ~ ', ' ~ sql_text(file['name']) ~ ', ' ~ file['size'] ~ ', '
                ~ sql_text(file['modified_at']) ~ ')'
            ) %}
        {% endfor %}
    {% endfor %}
    {% set listed = ops_table('listed_files') %}
    {% do run_query(delete_all_rows(listed)) %}
    {% for batch in values | batch(1000) %}
        {% do run_query('insert into ' ~ listed ~ ' values ' ~ batch | join(', ')) %}
    {% endfor %}
    {% do run_query(
        "insert into " ~ changed_files()
        ~ " select listed.table_name, listed.source_file, listed.bytes, listed.modified_at,"
        ~ " case when known.source_file is null then 'new' else 'changed' end"
        ~ " from " ~ listed ~ " as listed left join " ~ ops_table('landing_files') ~ " as known"
        ~ " on listed.source_file = known.source_file"
        ~ " where known.source_file is null or known.bytes <> listed.bytes"
        ~ " or coalesce(known.modified_at, '') <> coalesce(listed.modified_at, '')"
    ) %}
    {% do run_query(
        "insert into " ~ changed_files()
        ~ " select known.table_name, known.source_file, known.bytes, known.modified_at, 'removed'"
        ~ " from " ~ ops_table('landing_files') ~ " as known left join " ~ listed ~ " as listed"
        ~ " on known.source_file = listed.source_file where listed.source_file is null"
    ) %}
{% endmacro %}


{# Why everything must be built anew, none when the run can build on the last complete one. #}
{% macro reason_for_full_run() %}
    {% if flags.FULL_REFRESH %}{% do return('--full-refresh') %}{% endif %}
    {% set completed = run_query('select settings, models from ' ~ ops_table('completed_runs')).rows %}
    {% if not completed %}{% do return('no complete run yet') %}{% endif %}
    {% if completed[0][0][:32] != settings_text() %}{% do return('the settings changed') %}{% endif %}
    {% if completed[0][1] != models_text() %}{% do return('the models changed') %}{% endif %}
    {% for node in graph.nodes.values()
        if node.resource_type == 'model' and node.package_name == project_name
        and node.config.materialized in ('incremental', 'table') %}
        {% if adapter.get_relation(database=target.get("database"), schema=node.schema, identifier=node.alias) is none %}
            {% do return('the table ' ~ node.schema ~ '.' ~ node.alias ~ ' is missing') %}
        {% endif %}
    {% endfor %}
    {% do return(none) %}
{% endmacro %}


{# Whether anything changed since the last complete run. #}
{% macro has_work() %}
    {% set completed = run_query('select settings, run_id from ' ~ ops_table('completed_runs')).rows[0] %}
    {% set planned = run_query('select run_id from ' ~ ops_table('run_plan')).columns[0].values() %}
    {% do return(
        completed[0] != settings_text() ~ clocks_text()
        or (planned | list) != [completed[1]]
        or run_query('select count(*) from ' ~ changed_files()).rows[0][0] | int > 0
    ) %}
{% endmacro %}


{# In production a rebuild of everything needs consent: it takes long, and nobody should cause it by accident. #}
{% macro check_full_run_is_allowed(reason) %}
    {% set is_first = run_query('select count(*) from ' ~ ops_table('run_summary')).rows[0][0] | int == 0 %}
    {% if var('production') and can_change_rows() and not is_first and not var('allow_full_refresh') %}
        {{ exceptions.raise_compiler_error(
            "This run would build everything anew (" ~ reason ~ "), and the setting production is true. If that is"
            ~ " wanted, run once with the setting allow_full_refresh: true."
        ) }}
    {% endif %}
{% endmacro %}


{% macro finish_run(results) %}
    {% if not execute or not results or not is_whole_project() %}{% do return('') %}{% endif %}
    {% for result in results if result.status | string in ('error', 'fail', 'runtime error', 'skipped', 'partial success') %}
        {% do return('') %}
    {% endfor %}
    {% set plan = run_query('select run_id, mode, reason, settings, started_at from ' ~ ops_table('run_plan')).rows[0] %}
    {% do summarize_run(plan, results) %}
    {% set listed = ops_table('listed_files') %}
    {% set statements = [
        delete_all_rows(ops_table('landing_files')),
        'insert into ' ~ ops_table('landing_files') ~ ' select * from ' ~ listed,
        delete_all_rows(ops_table('touched_rows')),
        delete_all_rows(touched_keys()),
    ] %}
    {% for known, source in {
        'known_identities': 'select account_key, user_id, user_key from ' ~ known_relation('stg_identities'),
        'known_test_users': 'select account_key, user_key from ' ~ known_relation('stg_test_users'),
        'known_definitions': 'select kind, account_key, definition_key, content from ' ~ known_relation('int_definitions'),
    }.items() %}
        {% if plan[1] != 'unchanged' %}
            {% do statements.append(delete_all_rows(ops_table(known))) %}
            {% do statements.append('insert into ' ~ ops_table(known) ~ ' ' ~ source) %}
        {% endif %}
    {% endfor %}
    {% do statements.append(delete_all_rows(ops_table('completed_runs'))) %}
    {% do statements.append(
        'insert into ' ~ ops_table('completed_runs') ~ ' select run_id, settings, ' ~ sql_text(models_text())
        ~ ', ' ~ now_utc() ~ ' from ' ~ ops_table('run_plan')
    ) %}
    {# The order makes a stop in between harmless: until the last statement the run counts as unfinished. #}
    {% for statement in statements %}{% do run_query(statement) %}{% endfor %}
    {% do adapter.commit() %}
{% endmacro %}


{% macro known_relation(name) %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name %}
        {% do return(api.Relation.create(database=target.get("database"), schema=node.schema, identifier=node.alias)) %}
    {% endfor %}
{% endmacro %}
