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
with loaded as (
    select
        account_key,
        table_name,
        sum(raw_rows) as raw_rows,
        sum(rejected_rows) as rejected_rows
    from {{ ref('stg_loads') }}
    group by account_key, table_name
),

-- Copies of an event: the one that counts, those that lost against it, those not visible yet.
history as (
    {% for table in event_tables %}
    {% if not loop.first %}union all{% endif %}
    select
        account_key,
        '{{ table }}' as table_name,
        count(case when copy_rank = 1 and not is_test_row then 1 end) as accepted_rows,
        count(case when copy_rank = 1 and is_test_row then 1 end) as excluded_test_rows,
        count(case when copy_rank > 1 then 1 end) as duplicate_rows,
        count(case when copy_rank is null then 1 end) as hidden_rows
    from {{ ref('stg_' ~ table ~ '_history') }}
    group by account_key
    {% endfor %}
    -- Every visible link is kept: which one counts is decided when they are followed.
    union all
    select
        links.account_key,
        'identity_links' as table_name,
        count(case when links.received_at <= settings.as_of then 1 end) as accepted_rows,
        0 as excluded_test_rows,
        0 as duplicate_rows,
        count(case when links.received_at > settings.as_of then 1 end) as hidden_rows
    from {{ ref('stg_contract__identity_links') }} as links
    inner join {{ ref('stg_settings') }} as settings
        on links.account_key = settings.account_key
    where links.reject_reason is null
    group by links.account_key
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

reference_duplicates as (
    select
        account_key,
        table_name,
        sum(copies - 1) as duplicate_rows
    from reference_copies
    group by account_key, table_name
),

reference_rows as (
    {% for table in reference_keys %}
    {% if not loop.first %}union all{% endif %}
    select
        account_key,
        '{{ table }}' as table_name,
        count(*) as accepted_rows
    from {{ ref('stg_' ~ table) }}
    group by account_key
    {% endfor %}
),

kept as (
    select
        account_key,
        table_name,
        accepted_rows,
        excluded_test_rows,
        duplicate_rows,
        hidden_rows
    from history
    union all
    select
        reference_rows.account_key,
        reference_rows.table_name,
        reference_rows.accepted_rows,
        0 as excluded_test_rows,
        reference_duplicates.duplicate_rows,
        0 as hidden_rows
    from reference_rows
    inner join reference_duplicates
        on
            reference_rows.account_key = reference_duplicates.account_key
            and reference_rows.table_name = reference_duplicates.table_name
)

select
    loaded.account_key,
    loaded.table_name,
    cast(loaded.raw_rows as bigint) as raw_rows,
    cast(coalesce(kept.accepted_rows, 0) as bigint) as accepted_rows,
    cast(coalesce(kept.duplicate_rows, 0) as bigint) as duplicate_rows,
    cast(loaded.rejected_rows as bigint) as rejected_rows,
    cast(coalesce(kept.excluded_test_rows, 0) as bigint) as excluded_test_rows,
    cast(coalesce(kept.hidden_rows, 0) as bigint) as hidden_rows
from loaded
left join kept
    on loaded.account_key = kept.account_key and loaded.table_name = kept.table_name
