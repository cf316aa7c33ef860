{% for table in ['journey_events', 'message_events', 'user_events'] %}
{% if not loop.first %}union all{% endif %}
select
    rows_.account_key,
    '{{ table }}' as table_name,
    rows_.event_id,
    count(*) as copies,
    count(distinct {{ content_text(table, 'rows_') }}) as contents,
    min({{ content_text(table, 'rows_') }}) as smallest_content,
    max({{ content_text(table, 'rows_') }}) as greatest_content,
    min(rows_.received_at) as first_received_at,
    max(rows_.received_at) as last_received_at
from {{ ref('stg_contract__' ~ table) }} as rows_
inner join {{ ref('stg_settings') }} as settings
    on rows_.account_key = settings.account_key
inner join (
    select
        account_key,
        event_id
    from {{ ref('stg_contract__' ~ table) }}
    where reject_reason is null
    group by account_key, event_id
    having count(*) > 1
) as repeated
    on rows_.account_key = repeated.account_key and rows_.event_id = repeated.event_id
where rows_.reject_reason is null and rows_.received_at <= settings.as_of
group by rows_.account_key, rows_.event_id
having count(distinct {{ content_text(table, 'rows_') }}) > 1
{% endfor %}
