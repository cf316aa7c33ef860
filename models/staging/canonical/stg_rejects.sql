{% for table in contract_tables() %}
{% if not loop.first %}union all{% endif %}
select
    account_key,
    '{{ table }}' as table_name,
    reject_reason,
    source_file,
    rejected_row,
    received_at
from {{ ref('stg_contract__' ~ table) }}
where reject_reason is not null
{% endfor %}
