{{ config(
    materialized='incremental',
    incremental_strategy='changed_files',
    on_schema_change='fail',
) }}

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
where
    reject_reason is not null
    {%- if is_incremental() %}
    and source_file in (
        select changed.source_file
        from {{ changed_files() }} as changed
        where changed.table_name = '{{ table }}'
    )
    {%- endif %}
{% endfor %}
