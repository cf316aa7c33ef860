{% set event_tables = ['journey_events', 'message_events', 'user_events'] %}
with {% for table in event_tables %}
visible_{{ table }} as (
    select rows_.*
    from {{ ref('stg_contract__' ~ table) }} as rows_
    inner join {{ ref('stg_settings') }} as settings
        on rows_.account_key = settings.account_key
    where rows_.reject_reason is null and rows_.received_at <= settings.as_of
),

-- Content is written out for repeated ids only: it costs more than everything else here.
repeated_{{ table }} as (
    select
        account_key,
        event_id
    from visible_{{ table }}
    group by account_key, event_id
    having count(*) > 1
),

copies_{{ table }} as (
    select
        visible.account_key,
        visible.event_id,
        visible.received_at,
        {{ content_text(table, 'visible') }} as content
    from visible_{{ table }} as visible
    inner join repeated_{{ table }} as repeated
        on visible.account_key = repeated.account_key and visible.event_id = repeated.event_id
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
