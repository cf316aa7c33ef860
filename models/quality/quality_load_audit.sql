{% set event_tables = ['journey_events', 'message_events', 'user_events'] %}
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
    {% for table, relation in {
        'journeys': 'stg_journeys', 'journey_versions': 'stg_journey_versions', 'nodes': 'stg_nodes',
        'node_edges': 'stg_node_edges', 'goals': 'stg_goals', 'campaigns': 'stg_campaigns',
        'campaign_variants': 'stg_campaign_variants', 'users': 'stg_users', 'devices': 'stg_devices',
        'subscriptions': 'stg_subscriptions', 'costs': 'stg_costs', 'load_batches': 'stg_load_batches'
    }.items() %}
    union all
    select
        rows_.account_key,
        '{{ table }}' as table_name,
        count(*) - coalesce(max(kept.kept_rows), 0) as duplicate_rows
    from {{ ref('stg_contract__' ~ table) }} as rows_
    left join (
        select
            account_key,
            count(*) as kept_rows
        from {{ ref(relation) }}
        group by account_key
    ) as kept
        on rows_.account_key = kept.account_key
    where rows_.reject_reason is null
    group by rows_.account_key
    {% endfor %}
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
)

select
    landed.account_key,
    landed.table_name,
    cast(landed.raw_rows as bigint) as raw_rows,
    cast(
        case
            when landed.table_name in ('{{ event_tables | join("', '") }}') then coalesce(kept.accepted_rows, 0)
            else
                landed.raw_rows - landed.rejected_rows - landed.hidden_rows - coalesce(repeated.duplicate_rows, 0)
        end as bigint
    ) as accepted_rows,
    cast(coalesce(repeated.duplicate_rows, 0) as bigint) as duplicate_rows,
    cast(landed.rejected_rows as bigint) as rejected_rows,
    cast(coalesce(kept.excluded_test_rows, 0) as bigint) as excluded_test_rows,
    cast(landed.hidden_rows as bigint) as hidden_rows
from landed
left join repeated
    on landed.account_key = repeated.account_key and landed.table_name = repeated.table_name
left join kept
    on landed.account_key = kept.account_key and landed.table_name = kept.table_name
