{% set event_tables = ['journey_events', 'message_events', 'user_events'] %}
with {% for table in event_tables %}
visible_{{ table }} as (
    select
        rows_.account_key,
        rows_.event_id,
        rows_.received_at,
        {{ content_text(table, 'rows_') }} as content,
        count(*) over (partition by rows_.account_key, rows_.event_id) as copies
    from {{ ref('stg_contract__' ~ table) }} as rows_
    inner join {{ ref('stg_settings') }} as settings
        on rows_.account_key = settings.account_key
    where rows_.reject_reason is null and rows_.received_at <= settings.as_of
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
from visible_{{ table }}
where copies > 1
group by account_key, event_id
having count(distinct content) > 1
{% endfor %}
