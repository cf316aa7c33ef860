{#
    Rows of an event table after visibility (R1), deduplication (R2, F1) and identity (R3).

    table: 'journey_events' | 'message_events' | 'user_events'
    Returns a select with the contract's columns, account_key, user_key, received_at, source_file,
    is_test_row (its user key is a test key, or the row itself is marked is_test).
#}
{% macro deduplicate_events(table) %}
{%- set columns = contract_tables()[table]['columns'] -%}
with visible as (
    select events.*
    from {{ ref('stg_contract__' ~ table) }} as events
    inner join {{ ref('stg_settings') }} as settings
        on events.account_key = settings.account_key
    where events.reject_reason is null and events.received_at <= settings.as_of
),

repeated_ids as (
    select account_key, event_id
    from visible
    group by account_key, event_id
    having count(*) > 1
),

ranked as (
    select
        visible.*,
        row_number() over (
            partition by visible.account_key, visible.event_id
            order by visible.received_at desc, {{ content_text(table, 'visible') }} desc, visible.source_file desc
        ) as copy_rank
    from visible
    inner join repeated_ids
        on visible.account_key = repeated_ids.account_key and visible.event_id = repeated_ids.event_id
),

survivors as (
    select {{ event_columns(table, 'visible') }}
    from visible
    left join repeated_ids
        on visible.account_key = repeated_ids.account_key and visible.event_id = repeated_ids.event_id
    where repeated_ids.event_id is null
    union all
    select {{ event_columns(table, 'ranked') }}
    from ranked
    where copy_rank = 1
),

final as (
    select
        survivors.*,
        coalesce(identities.user_key, survivors.user_id) as user_key,
        test_users.user_key is not null
        {%- if 'is_test' in columns | map(attribute=0) %} or coalesce(survivors.is_test, false){% endif %} as is_test_row
    from survivors
    left join {{ ref('stg_identities') }} as identities
        on survivors.account_key = identities.account_key and survivors.user_id = identities.user_id
    left join {{ ref('stg_test_users') }} as test_users
        on
            survivors.account_key = test_users.account_key
            and coalesce(identities.user_key, survivors.user_id) = test_users.user_key
)

select * from final
{% endmacro %}


{# Columns of an event that survive deduplication, qualified by `relation`. #}
{% macro event_columns(table, relation) -%}
    {{ relation }}.account_key,
    {%- for name, type, rule in contract_tables()[table]['columns'] %} {{ relation }}.{{ name }},{% endfor %}
    {{ relation }}.received_at, {{ relation }}.source_file
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
