{% set event_tables = ['journey_events', 'message_events', 'user_events'] %}
with {% for table in event_tables %}
-- Content is written out for repeated ids only: it costs more than everything else here.
copies_{{ table }} as (
    select
        history.account_key,
        history.event_id,
        history.received_at,
        {{ content_text(table, 'history') }} as content
    from {{ ref('stg_' ~ table ~ '_history') }} as history
    {{ semi_join() }} {{ ref('stg_' ~ table ~ '_history') }} as lost
        on
            history.account_key = lost.account_key
            and history.event_id = lost.event_id
            and lost.copy_rank = 2
    where history.copy_rank is not null
){{ ',' if not loop.last }}
{% endfor %}

{% for table in event_tables %}
{% if not loop.first %}union all{% endif %}
select
    account_key,
    '{{ table }}' as table_name,
    event_id,
    count(*) as copies,
    count(distinct content) as contents,
    min(content) as smallest_content,
    max(content) as greatest_content,
    min(received_at) as first_received_at,
    max(received_at) as last_received_at
from copies_{{ table }}
group by account_key, event_id
having count(distinct content) > 1
{% endfor %}
