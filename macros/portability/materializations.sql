{#
    Tables and incremental models stay as they are in a run without anything new (run_plan.sql); otherwise dbt's own
    materialization builds them. A landed table with Parquet files is a view on them, and on the rows of its text files.
#}
{% materialization table, adapter='duckdb', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {% if in_place_marker() in sql %}{{ return(dbt.materialization_view_default()) }}{% endif %}
    {{ return(dbt.materialization_table_duckdb()) }}
{% endmaterialization %}


{% materialization incremental, adapter='duckdb', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {{ return(dbt.materialization_incremental_duckdb()) }}
{% endmaterialization %}


{#
    On Spark a table is replaced in one commit, so that readers see the table before or the one after, and an incremental
    model computes its rows before it changes any. A plain Parquet table has no commits: it is dropped and created.
#}
{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {{ return(spark_build(false)) }}
{% endmaterialization %}


{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {% set kept = kept_relation() %}
    {% if kept is not none %}{{ return({'relations': [kept]}) }}{% endif %}
    {{ return(spark_build(is_incremental())) }}
{% endmaterialization %}


{% macro spark_build(changes_rows) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% set existing = load_cached_relation(this) %}
    {% set rows = this.incorporate(path={'identifier': this.identifier ~ '__dbt_tmp'}, type='table') %}
    {% set rows_sql = spark_contract_select(sql) %}
    {% if load_cached_relation(rows) is not none %}
        {# Left by a run that was stopped while it replaced rows: the new ones may be nowhere else. #}
        {% if changes_rows %}{% do spark_change_rows(target_relation, rows) %}{% endif %}
        {% do adapter.drop_relation(rows) %}
    {% endif %}
    {% do run_hooks(pre_hooks) %}
    {% if changes_rows %}
        {% call statement('rows') %}{{ create_table_as(false, rows, rows_sql) }}{% endcall %}
        {% do spark_change_rows(target_relation, rows) %}
        {% do adapter.drop_relation(rows) %}
    {% else %}
        {% if existing is not none and (existing.is_view or not can_change_rows()) %}
            {% do adapter.drop_relation(existing) %}
        {% endif %}
        {% call statement('main') %}{{ create_table_as(false, target_relation, rows_sql) }}{% endcall %}
    {% endif %}
    {% do persist_docs(target_relation, model) %}
    {% do run_hooks(post_hooks) %}
    {% do return({'relations': [target_relation]}) %}
{% endmacro %}


{#
    Runs the statements of the model's incremental strategy, one at a time; each ends with a semicolon at the end of its
    line. They are no transaction, but can be run again from the start: only an append then repeats rows, which the one
    appended table (int_touched_keys, a set of keys) allows.
#}
{% macro spark_change_rows(target_relation, rows) %}
    {% set strategy = config.get('incremental_strategy') %}
    {% if strategy == 'append' %}
        {% set changes = get_insert_into_sql(rows, target_relation) %}
    {% else %}
        {% set changes = context['get_incremental_' ~ strategy ~ '_sql']({
            'target_relation': target_relation, 'temp_relation': rows,
            'dest_columns': adapter.get_columns_in_relation(target_relation),
        }) %}
    {% endif %}
    {% for change in changes.split(';\n') %}
        {% call statement('main' if loop.last else 'change_' ~ loop.index) %}{{ change }}{% endcall %}
    {% endfor %}
{% endmacro %}


{#
    A select with the types of the model's contract. Spark counts and divides in other types than DuckDB does (a row
    number is an int, a quotient of two decimals a decimal), which a table created from its contract would not show.
#}
{% macro spark_contract_select(sql) -%}
    {%- if not config.get('contract').enforced -%}{{ return(sql) }}{%- endif -%}
    select
        {%- for name, column in model['columns'].items() %}
        cast({{ name }} as {{ column['data_type'] }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        {{ sql }}
    ) as typed
{%- endmacro %}


{# The existing relation of a model that has nothing to do in this run, else none. #}
{% macro kept_relation() %}
    {% if run_mode() != 'unchanged' %}{% do return(none) %}{% endif %}
    {% set kept = load_cached_relation(this) %}
    {% if kept is none %}{% do return(none) %}{% endif %}
    {% call noop_statement('main', 'NOTHING NEW') %}{% endcall %}
    {% do return(kept) %}
{% endmacro %}


{#
    Comment in the SQL of a landed table that needs no copy: Parquet files keep types, so that a second look at them is
    cheap, while a text file would be parsed again and its unreadable lines would be lost.
#}
{% macro in_place_marker() %}{% do return('-- Read in place.') %}{% endmacro %}
