{#
    What an incremental run rebuilds: whole (user, journey) pairs, with the entries and messages in them (docs/incremental.md).

    int_touched_keys lists them, one row per key, by scope:
      pair                 user_key, journey_id   rows about them changed
      entry                journey_entry_id       entries of those pairs
      message              message_id             messages of those pairs
      conversion_pair      user_key, journey_id   only what the user did besides changed, so only conversions may
      conversion_message   message_id             the same for conversions after a message
      goal_event           event_id               what a user did, changed
      goal_condition       condition_key          an event name with filters that goals began or ceased to look for

    rebuilt_by(scope)            config of a model that is replaced key by key
    touched(relation, scope)     relation of a from clause: in an incremental run its rows of touched keys only
    is_touched(alias, scope)     condition: whether a row belongs to a touched key
    The pairs of messages without a journey have an empty journey_id.
#}
{% macro rebuilt_by(scope) %}
    {{- config(
        materialized='incremental', incremental_strategy='touched', on_schema_change='fail',
        meta={'rebuilt_by': scope},
    ) -}}
{% endmacro %}


{% macro touched(relation, scope) -%}
    {%- set keys = ref('int_touched_keys') if not execute or is_incremental() -%}
    {%- if execute and is_incremental() -%}
    (
        select rows_.*
        from {{ relation }} as rows_
        {{ semi_join() }} {{ touched_keys() }} as touched_keys
            on {{ matches_touched_key('rows_', scope) }}
    )
    {%- else -%}
    {{ relation }}
    {%- endif -%}
{%- endmacro %}


{# SQL: whether a row of `alias` belongs to a touched key. #}
{% macro is_touched(alias, scope) -%}
    exists (
        select 1
        from {{ touched_keys() }} as touched_keys
        where {{ matches_touched_key(alias, scope) }}
    )
{%- endmacro %}


{# SQL: whether a row of `alias` belongs to the key in a row of `touched_keys`. #}
{% macro matches_touched_key(alias, scope) -%}
    {%- set kind = scope.replace('conversion_', '') -%}
    {%- set columns = {
        'pair': ['user_key', 'journey_id'], 'entry': ['journey_entry_id'], 'message': ['message_id'],
        'goal_event': ['event_id'], 'goal_condition': ['condition_key'],
    }[kind] -%}
    touched_keys.scope in ('{{ kind }}'{% if scope != kind %}, '{{ scope }}'{% endif %})
    and touched_keys.account_key = {{ alias }}.account_key
    {% for column in columns -%}
    and touched_keys.{{ column }} =
    {%- if column == 'journey_id' %} coalesce({{ alias }}.journey_id, ''){% else %} {{ alias }}.{{ column }}{% endif %}
    {% endfor %}
{%- endmacro %}


{% macro touched_keys() %}
    {% do return(api.Relation.create(database=target.get("database"), schema='intermediate', identifier='int_touched_keys')) %}
{% endmacro %}


{# Replaces the rows of touched keys by the rows just computed for them. #}
{% macro get_incremental_touched_sql(arguments) %}
    {% set conditions = [] %}
    {% for scope in config.get('meta')['rebuilt_by'].split(' ') %}
        {% do conditions.append(is_touched('replaced', scope)) %}
    {% endfor %}
    {% do return(replace_rows(arguments, conditions | join(' or '))) %}
{% endmacro %}


{# Replaces the rows of files that were added, changed or removed. #}
{% macro get_incremental_changed_files_sql(arguments) %}
    {% do return(replace_rows(
        arguments, 'replaced.source_file in (select changed.source_file from ' ~ changed_files() ~ ' as changed)'
    )) %}
{% endmacro %}


{# Post-hook of fct_journey_entries: as_of moves for every entry, touched or not (R21, F20). #}
{% macro close_windows() %}
    {% if not execute or not is_incremental() %}{% do return('') %}{% endif %}
    merge into {{ this }} as entries
    using {{ ref('stg_settings') }} as settings
    on
        entries.account_key = settings.account_key
        and entries.is_window_closed <> coalesce(entries.window_closes_at < settings.as_of, false)
    when matched then update set is_window_closed = not entries.is_window_closed
{% endmacro %}


{# Deletes the rows of the target (alias `replaced`) that meet a condition and inserts the new ones. #}
{% macro replace_rows(arguments, condition) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    insert into {{ ops_table('rebuilt_rows') }} (model_name, rows_written)
    select
        '{{ model.name }}',
        count(*)
    from {{ arguments['temp_relation'] }};

    delete from {{ arguments['target_relation'] }} as replaced
    where {{ condition }};

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arguments['temp_relation'] }}
{%- endmacro %}


{#
    Closes int_touched_keys over ids that rows share: an entry or a message named by rows of several pairs binds them, so
    that every row of a touched pair, entry or message is among the touched pairs. Post-hook of int_touched_keys.
    Each round looks for the rows of the keys that the round before found, and for the keys these rows add.
#}
{% macro close_touched_keys() %}
    {% if not execute or not is_incremental() %}{% do return('') %}{% endif %}
    {% set found = ops_table('found_keys') %}
    {% set added = ops_table('added_keys') %}
    {% do run_query("create or replace table " ~ added ~ " as select * from " ~ this) %}
    {% set search = namespace(done=false) %}
    {% for round in range(1000) if not search.done %}
        {% do run_query("create or replace table " ~ found ~ " as " ~ keys_of_rows_with(added)) %}
        {% do run_query("create or replace table " ~ added ~ " as " ~ keys_not_touched(found)) %}
        {% do run_query("insert into " ~ this ~ " select * from " ~ added) %}
        {% set search.done = run_query("select count(*) from " ~ added).rows[0][0] | int == 0 %}
    {% endfor %}
    {% if not search.done %}
        {{ exceptions.raise_compiler_error("int_touched_keys: more than 1,000 rounds of ids that rows share.") }}
    {% endif %}
{% endmacro %}


{# Keys of every event row that has at least one of the pairs, entries or messages in `keys`. #}
{% macro keys_of_rows_with(keys) -%}
    with journey_events as (
        select
            account_key,
            user_key,
            coalesce(journey_id, '') as journey_id,
            {{ entry_key() }} as journey_entry_id,
            cast(null as string) as message_id
        from {{ ref('stg_journey_events') }}
    ),

    message_events as (
        select
            account_key,
            user_key,
            coalesce(journey_id, '') as journey_id,
            journey_entry_id,
            message_id
        from {{ ref('stg_message_events') }}
    )

    {% for table, scope in [
        ('journey_events', 'pair'), ('journey_events', 'entry'),
        ('message_events', 'pair'), ('message_events', 'entry'), ('message_events', 'message')
    ] -%}
    {{ 'union' if not loop.first }}
    select events.*
    from {{ table }} as events
    {{ semi_join() }} {{ keys }} as touched_keys
        on {{ matches_touched_key('events', scope) }}
    {% endfor %}
{%- endmacro %}


{# The keys in `found` that int_touched_keys lacks, as rows of it. #}
{% macro keys_not_touched(found) -%}
    {% for scope, columns in {
        'pair': ['user_key', 'journey_id'], 'entry': ['journey_entry_id'], 'message': ['message_id']
    }.items() -%}
    {{ 'union all' if not loop.first }}
    select distinct
        '{{ scope }}' as scope,
        found.account_key
        {%- for name in touched_key_columns() %},
        {% if name in columns %}found.{{ name }}{% else %}cast(null as string){% endif %} as {{ name }}
        {%- endfor %}
    from {{ found }} as found
    where
        found.{{ columns[-1] }} is not null
        and not {{ is_touched('found', scope) }}
    {% endfor %}
{%- endmacro %}


{# Columns of int_touched_keys after scope and account_key, in its order. #}
{% macro touched_key_columns() %}
    {% do return(['user_key', 'journey_id', 'journey_entry_id', 'message_id', 'event_id', 'condition_key']) %}
{% endmacro %}


{# Id of the entry a journey event names or opens (R4). #}
{% macro entry_key() -%}
    coalesce(journey_entry_id, case when event_type = 'journey_entered' then 'derived/' || event_id end)
{%- endmacro %}
