{{ rebuilt_by('goal_event goal_condition') }}
{% set keys = ref('int_touched_keys') if not execute or is_incremental() %}

with conditions as (
    select distinct
        account_key,
        condition_key,
        event_name,
        coalesce(filters, '[]') as filters
    from {{ ref('int_goal_versions') }}
),

filters as (
    {{ json_array_elements('conditions', ['account_key', 'condition_key', 'event_name'], 'filters') }}
),

terms as (
    select
        account_key,
        condition_key,
        event_name,
        element_index as term_index,
        {{ json_text('element', "'property'") }} as property,
        {{ json_text('element', "'op'") }} as operator,
        {{ json_text('element', "'value'") }} as operand
    from filters
),

term_counts as (
    select
        account_key,
        condition_key,
        count(*) as terms
    from terms
    group by account_key, condition_key
),

in_terms as (
    select
        account_key,
        condition_key,
        event_name,
        term_index,
        property,
        case
            when operand like '[%' then operand
            else '[' || {{ json_string('operand') }} || ']'
        end as operand
    from terms
    where operator = 'in'
),

in_elements as (
    {{ json_array_elements(
        'in_terms', ['account_key', 'condition_key', 'event_name', 'term_index', 'property'], 'operand'
    ) }}
),

operands as (
    select
        account_key,
        condition_key,
        event_name,
        term_index,
        property,
        operator,
        operand
    from terms
    where operator <> 'in'
    union all
    select
        account_key,
        condition_key,
        event_name,
        term_index,
        property,
        'eq' as operator,
        {{ json_text("'{\"value\":' || element || '}'", "'value'") }} as operand
    from in_elements
),

events as (
    select * from {{ ref('stg_user_events') }} as stg_events
    {% if is_incremental() -%}
    where
        {{ is_touched('stg_events', 'goal_event') }}
        or event_name in (
            select conditions.event_name from conditions
            where {{ is_touched('conditions', 'goal_condition') }}
        )
    {%- endif %}
),

compared as (
    select
        events.account_key,
        events.event_id,
        operands.condition_key,
        operands.term_index,
        operands.operator,
        operands.operand,
        {{ json_text('events.properties', 'operands.property') }} as property_value
    from events
    inner join operands
        on events.account_key = operands.account_key and events.event_name = operands.event_name
),

numbered as (
    select
        *,
        {{ number_or_null('property_value') }} as property_number,
        {{ number_or_null('operand') }} as operand_number
    from compared
    where property_value is not null
),

satisfied as (
    select
        account_key,
        event_id,
        condition_key,
        count(distinct term_index) as terms
    from numbered
    where
        case operator
            when 'exists' then true
            when 'eq' then coalesce(property_number = operand_number, property_value = operand)
            when 'ne' then coalesce(property_number <> operand_number, property_value <> operand)
            when 'gt' then property_number > operand_number
            when 'gte' then property_number >= operand_number
            when 'lt' then property_number < operand_number
            when 'lte' then property_number <= operand_number
            else false
        end
    group by account_key, event_id, condition_key
)

select
    events.account_key,
    conditions.condition_key,
    events.event_id,
    events.user_key,
    events.occurred_at,
    events.value,
    events.currency,
    events.properties
from events
inner join conditions
    on events.account_key = conditions.account_key and events.event_name = conditions.event_name
left join term_counts
    on
        conditions.account_key = term_counts.account_key
        and conditions.condition_key = term_counts.condition_key
left join satisfied
    on
        events.account_key = satisfied.account_key
        and events.event_id = satisfied.event_id
        and conditions.condition_key = satisfied.condition_key
where coalesce(satisfied.terms, 0) = coalesce(term_counts.terms, 0)
    {%- if is_incremental() %}
    and ({{ is_touched('events', 'goal_event') }} or {{ is_touched('conditions', 'goal_condition') }})
    {%- endif %}
