{#
    Which event ids an incremental run ranks again in the history of an event table, and what changed by that.

    find_affected_events(table)   pre-hook: fills ops.affected_<table> with the ids of
        - rows in new, changed or removed files,
        - rows that became visible or invisible because as_of moved (R1),
        - rows of users whose identity or test flag changed (R3).
    Strategy affected_events      replaces their rows, and adds to ops.touched_rows the keys of every counting row that is
        not as before. All in one transaction, so that no change can be applied without being noted.
#}
{% macro affected_events(table) %}{% do return(ops_table('affected_' ~ table)) %}{% endmacro %}


{% macro find_affected_events(table) %}
    {% if not execute or not is_incremental() %}{% do return('') %}{% endif %}
    {% set landed = ref('stg_contract__' ~ table) %}
    create or replace table {{ affected_events(table) }} as
    with {{ changed_users_ctes() }}

    select
        landed.account_key,
        landed.event_id
    from {{ landed }} as landed
    where landed.reject_reason is null
    union
    select
        kept.account_key,
        kept.event_id
    from {{ this }} as kept
    inner join {{ ref('stg_settings') }} as settings
        on kept.account_key = settings.account_key
    where
        (kept.copy_rank is null) <> (kept.received_at > settings.as_of)
        or kept.source_file in (
            select changed.source_file
            from {{ changed_files() }} as changed
            where changed.table_name = '{{ table }}'
        )
        or exists (
            select 1
            from changed_users
            where changed_users.account_key = kept.account_key and changed_users.user_id = kept.user_id
        )
{% endmacro %}


{# CTE changed_users: user ids whose rows resolve to another user key, or to a key whose test flag changed. #}
{% macro changed_users_ctes() -%}
{%- set identities = ref('stg_identities') -%}
{%- set test_users = ref('stg_test_users') -%}
{%- set known_identities = ops_table('known_identities') -%}
{%- set known_test_users = ops_table('known_test_users') -%}
changed_links as (
    (
        select account_key, user_id, user_key from {{ identities }}
        except
        select account_key, user_id, user_key from {{ known_identities }}
    )
    union
    (
        select account_key, user_id, user_key from {{ known_identities }}
        except
        select account_key, user_id, user_key from {{ identities }}
    )
),

changed_flags as (
    (
        select account_key, user_key from {{ test_users }}
        except
        select account_key, user_key from {{ known_test_users }}
    )
    union
    (
        select account_key, user_key from {{ known_test_users }}
        except
        select account_key, user_key from {{ test_users }}
    )
),

changed_users as (
    select account_key, user_id from changed_links
    union
    select account_key, user_key as user_id from changed_flags
    union
    select identities.account_key, identities.user_id
    from {{ identities }} as identities
    inner join changed_flags
        on identities.account_key = changed_flags.account_key and identities.user_key = changed_flags.user_key
)
{%- endmacro %}


{% macro get_incremental_affected_events_sql(arguments) -%}
    {%- set table = model.name[4:-8] -%}
    insert into {{ ops_table('touched_rows') }} (
        table_name, account_key, event_id, user_key, journey_id, journey_entry_id, message_id, event_name, occurred_at
    )
    with counting_before as (
        select {{ counting_columns(table) }}
        from {{ arguments['target_relation'] }} as rows_
        {{ semi_join() }} {{ affected_events(table) }} as affected
            on rows_.account_key = affected.account_key and rows_.event_id = affected.event_id
        where rows_.copy_rank = 1 and not rows_.is_test_row
    ),

    counting_after as (
        select {{ counting_columns(table) }}
        from {{ arguments['temp_relation'] }} as rows_
        where rows_.copy_rank = 1 and not rows_.is_test_row
    )

    select
        '{{ table }}',
        account_key,
        event_id,
        user_key,
        {% if table == 'journey_events' -%}
        journey_id,
        coalesce(journey_entry_id, case when lower(event_type) = 'journey_entered' then 'derived/' || event_id end),
        null,
        null,
        {% elif table == 'message_events' -%}
        coalesce(journey_id, ''),
        journey_entry_id,
        {{ message_id_or_hash() }},
        null,
        {% else -%}
        null,
        null,
        null,
        event_name,
        {% endif -%}
        occurred_at
    from (
        (select * from counting_before except select * from counting_after)
        union all
        (select * from counting_after except select * from counting_before)
    ) as changed;

    {{ replace_rows(arguments, is_affected(table, 'replaced')) }}
{%- endmacro %}


{% macro is_affected(table, alias) -%}
    exists (
        select 1
        from {{ affected_events(table) }} as affected
        where affected.account_key = {{ alias }}.account_key and affected.event_id = {{ alias }}.event_id
    )
{%- endmacro %}


{# Columns of a counting row on which anything built from it can depend. #}
{% macro counting_columns(table) -%}
    rows_.account_key, rows_.user_key
    {%- for name, type, rule in contract_tables()[table]['columns'] %}, rows_.{{ name }}{% endfor -%}
{%- endmacro %}
