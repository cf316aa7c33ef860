{% set event_tables = ['journey_events', 'message_events', 'user_events'] %}
{% set reference_keys = {
    'journeys': ['journey_id'],
    'journey_versions': ['journey_id', 'journey_version_id'],
    'nodes': ['journey_id', 'journey_version_id', 'node_id'],
    'node_edges': ['journey_id', 'journey_version_id', 'from_node_id', 'to_node_id', 'branch_label'],
    'goals': ['journey_id', 'goal_id', 'valid_from'],
    'campaigns': ['campaign_id'],
    'campaign_variants': ['campaign_id', 'variant_id'],
    'users': ['user_id'],
    'devices': ['device_id'],
    'subscriptions': ['user_id', 'channel', 'occurred_at'],
    'costs': ['cost_date', 'channel', 'campaign_id', 'currency'],
    'load_batches': ['batch_id'],
} %}
with landed as (
    {% for table in contract_tables() %}
    {% if not loop.first %}union all{% endif %}
    select
        rows_.account_key,
        '{{ table }}' as table_name,
        count(*) as raw_rows,
        count(rows_.reject_reason) as rejected_rows,
        {% if table in event_tables + ['identity_links'] %}
        count(case when rows_.reject_reason is null and rows_.received_at > settings.as_of then 1 end) as hidden_rows
        {% else %}
        0 as hidden_rows
        {% endif %}
    from {{ ref('stg_contract__' ~ table) }} as rows_
    inner join {{ ref('stg_settings') }} as settings
        on rows_.account_key = settings.account_key
    group by rows_.account_key
    {% endfor %}
),

reference_copies as (
    {% for table, keys in reference_keys.items() %}
    {% if not loop.first %}union all{% endif %}
    select
        account_key,
        '{{ table }}' as table_name,
        count(*) as copies
    from {{ ref('stg_contract__' ~ table) }}
    where reject_reason is null
    group by account_key, {{ keys | join(', ') }}
    {% endfor %}
),

repeated as (
    {% for table in event_tables %}
    {% if not loop.first %}union all{% endif %}
    select
        rows_.account_key,
        '{{ table }}' as table_name,
        count(*) - count(distinct rows_.event_id) as duplicate_rows
    from {{ ref('stg_contract__' ~ table) }} as rows_
    inner join {{ ref('stg_settings') }} as settings
        on rows_.account_key = settings.account_key
    where rows_.reject_reason is null and rows_.received_at <= settings.as_of
    group by rows_.account_key
    {% endfor %}
    union all
    select
        account_key,
        table_name,
        sum(copies - 1) as duplicate_rows
    from reference_copies
    group by account_key, table_name
),

kept as (
    {% for table in event_tables %}
    {% if not loop.first %}union all{% endif %}
    select
        account_key,
        '{{ table }}' as table_name,
        count(case when not is_test_row then 1 end) as accepted_rows,
        count(case when is_test_row then 1 end) as excluded_test_rows
    from {{ ref('stg_' ~ table ~ '_deduplicated') }}
    group by account_key
    {% endfor %}
    {% for table in reference_keys %}
    union all
    select
        account_key,
        '{{ table }}' as table_name,
        count(*) as accepted_rows,
        0 as excluded_test_rows
    from {{ ref('stg_' ~ table) }}
    group by account_key
    {% endfor %}
    -- Every visible link is kept: which one counts is decided when they are followed.
    union all
    select
        links.account_key,
        'identity_links' as table_name,
        count(*) as accepted_rows,
        0 as excluded_test_rows
    from {{ ref('stg_contract__identity_links') }} as links
    inner join {{ ref('stg_settings') }} as settings
        on links.account_key = settings.account_key
    where links.reject_reason is null and links.received_at <= settings.as_of
    group by links.account_key
)

select
    landed.account_key,
    landed.table_name,
    cast(landed.raw_rows as bigint) as raw_rows,
    cast(coalesce(kept.accepted_rows, 0) as bigint) as accepted_rows,
    cast(coalesce(repeated.duplicate_rows, 0) as bigint) as duplicate_rows,
    cast(landed.rejected_rows as bigint) as rejected_rows,
    cast(coalesce(kept.excluded_test_rows, 0) as bigint) as excluded_test_rows,
    cast(landed.hidden_rows as bigint) as hidden_rows
from landed
left join repeated
    on landed.account_key = repeated.account_key and landed.table_name = repeated.table_name
left join kept
    on landed.account_key = kept.account_key and landed.table_name = kept.table_name
