{#
    Every usable row of an event table ever received, after deduplication (R2, F1) and identity (R3).

    table: 'journey_events' | 'message_events' | 'user_events'
    Returns a select with the contract's columns, account_key, user_key, received_at, source_file and
      copy_rank    1 = the row that counts for its event id, 2 and more = a copy that lost, null = not visible at as_of (R1)
      is_test_row  its user key is a test key, or the row itself is marked is_test
    An incremental run rewrites the event ids of find_affected_events() only.
#}
{% macro event_history(table) %}
{{- config(
    materialized='incremental',
    incremental_strategy='affected_events',
    on_schema_change='fail',
    pre_hook="{{ find_affected_events('" ~ table ~ "') }}",
) -}}
{%- set columns = contract_tables()[table]['columns'] -%}
with received as {{ not_materialized() if not is_incremental() }} (
    select {{ event_columns(table, 'landed') }}
    from {{ ref('stg_contract__' ~ table) }} as landed
    where landed.reject_reason is null
    {% if is_incremental() -%}
    union all
    select {{ event_columns(table, 'kept') }}
    from {{ this }} as kept
    {{ semi_join() }} {{ affected_events(table) }} as affected
        on kept.account_key = affected.account_key and kept.event_id = affected.event_id
    where
        -- The files' present rows count, not those of an earlier load.
        kept.source_file not in (
            select changed.source_file
            from {{ changed_files() }} as changed
            where changed.table_name = '{{ table }}'
            union
            select landed.source_file
            from {{ ref('stg_contract__' ~ table) }} as landed
        )
    {%- endif %}
),

seen as {{ not_materialized() if not is_incremental() }} (
    select
        received.*,
        received.received_at <= settings.as_of as is_visible
    from received
    inner join {{ ref('stg_settings') }} as settings
        on received.account_key = settings.account_key
),

-- Numbers are counted much faster than texts; two ids of one number are told apart below.
repeated_ids as (
    select {{ row_hash(['account_key', 'event_id']) }} as id_hash
    from seen
    where is_visible
    group by {{ row_hash(['account_key', 'event_id']) }}
    having count(*) > 1
),

ranked as (
    select
        seen.account_key,
        seen.event_id,
        row_number() over (
            partition by seen.account_key, seen.event_id
            order by seen.received_at desc, {{ content_text(table, 'seen') }} desc, seen.source_file desc
        ) as copy_rank,
        {{ event_columns(table, 'seen', keys=false) }}
    from seen
    inner join repeated_ids
        on {{ row_hash(['seen.account_key', 'seen.event_id']) }} = repeated_ids.id_hash
    where seen.is_visible
),

copies as (
    select
        {{ event_columns(table, 'seen') }},
        case when seen.is_visible then 1 end as copy_rank
    from seen
    left join repeated_ids
        on {{ row_hash(['seen.account_key', 'seen.event_id']) }} = repeated_ids.id_hash
    where repeated_ids.id_hash is null or not seen.is_visible
    union all
    select
        {{ event_columns(table, 'ranked') }},
        ranked.copy_rank
    from ranked
)

select
    {{ event_columns(table, 'copies') }},
    cast(copies.copy_rank as bigint) as copy_rank,
    coalesce(identities.user_key, copies.user_id) as user_key,
    test_users.user_key is not null
    {%- if 'is_test' in columns | map(attribute=0) %} or coalesce(copies.is_test, false){% endif %} as is_test_row
from copies
left join {{ ref('stg_identities') }} as identities
    on copies.account_key = identities.account_key and copies.user_id = identities.user_id
left join {{ ref('stg_test_users') }} as test_users
    on
        copies.account_key = test_users.account_key
        and coalesce(identities.user_key, copies.user_id) = test_users.user_key
{% endmacro %}


{# Columns of an event that survive deduplication, qualified by `relation`; keys=false: without its account and id. #}
{% macro event_columns(table, relation, keys=true) -%}
    {%- set names = ['account_key'] + (contract_tables()[table]['columns'] | map(attribute=0) | list) -%}
    {%- set names = names + ['received_at', 'source_file'] -%}
    {%- for name in names if keys or name not in ('account_key', 'event_id') -%}
        {{ relation }}.{{ name }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# Content of an event as one text, column by column (F1): everything but its id and its envelope. #}
{% macro content_text(table, relation) -%}
    {%- set parts = [] -%}
    {%- for name, type, rule in contract_tables()[table]['columns'] | sort(attribute=0) if name != 'event_id' -%}
        {%- set column = relation ~ '.' ~ name -%}
        {%- if type == 'json' -%}{%- set column = canonical_json(column) -%}
        {%- elif type in ('string', 'timestamp') -%}
            {%- set column = "'\"' || cast(" ~ column ~ " as string) || '\"'" -%}
        {%- else -%}{%- set column = "cast(" ~ column ~ " as string)" -%}{%- endif -%}
        {%- do parts.append("'" ~ name ~ ":' || coalesce(" ~ column ~ ", 'null')") -%}
    {%- endfor -%}
    {{ parts | join(" || ',' || ") }}
{%- endmacro %}
