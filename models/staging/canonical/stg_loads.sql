{{ config(
    materialized='incremental',
    incremental_strategy='changed_files',
    on_schema_change='fail',
) }}

{% for table in contract_tables() %}
{% if not loop.first %}union all{% endif %}
select
    '{{ table }}' as table_name,
    source_file,
    account_key,
    source_system,
    source_account,
    count(*) as raw_rows,
    count(reject_reason) as rejected_rows,
    max(case when reject_reason is null then received_at end) as last_received_at
from {{ ref('stg_contract__' ~ table) }}
{% if is_incremental() -%}
where
    source_file in (
        select changed.source_file
        from {{ changed_files() }} as changed
        where changed.table_name = '{{ table }}'
    )
{% endif -%}
group by source_file, account_key, source_system, source_account
{% endfor %}
