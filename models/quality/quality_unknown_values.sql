{% for relation, table, column, vocabulary_name in [
    ('stg_journey_events', 'journey_events', 'event_type', 'journey_event_type'),
    ('stg_message_events', 'message_events', 'event_type', 'message_event_type'),
    ('stg_message_events', 'message_events', 'channel', 'channel'),
    ('stg_message_events', 'message_events', 'platform', 'platform'),
] %}
{% if not loop.first %}union all{% endif %}
select
    account_key,
    '{{ table }}' as table_name,
    '{{ column }}' as column_name,
    {{ column }}_raw as unknown_value,
    cast(count(*) as bigint) as rows_total,
    min(occurred_at) as first_occurred_at,
    max(occurred_at) as last_occurred_at
from {{ ref(relation) }}
where {{ column }} = 'other' and lower({{ column }}_raw) <> 'other'
group by account_key, {{ column }}_raw
{% endfor %}
