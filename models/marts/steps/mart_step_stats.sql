with {{ message_measure_ctes(
    [
        ('journey_id', 'messages.journey_id'),
        ('journey_version_id', 'messages.journey_version_id'),
        ('node_id', 'messages.node_id'),
        ('platform', 'messages.platform'),
    ],
    [
        ['journey_id', 'node_id'], ['journey_id', 'node_id', 'platform'],
        ['journey_id', 'journey_version_id', 'node_id'], ['journey_id', 'journey_version_id', 'node_id', 'platform'],
    ],
    'messages.journey_id is not null and messages.node_id is not null'
) }},

visits as (
    select
        account_key,
        journey_id,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        node_id,
        count(*) as entry_count,
        count(distinct user_key) as entry_users
    from {{ ref('fct_node_visits') }}
    where not is_control
    group by {{ grouping_sets([
        ['account_key', 'journey_id', 'node_id'],
        ['account_key', 'journey_id', 'journey_version_id', 'node_id'],
    ]) }}
),

endings as (
    select
        account_key,
        journey_id,
        {{ all_when_rolled_up('last_node_version_id') }} as version_group,
        last_node_id as node_id,
        count(case when effective_exit_at is not null and not is_last_node_terminal then 1 end) as dropoff_entries,
        count(case when effective_exit_at is null then 1 end) as entries_open_here
    from {{ ref('fct_journey_entries') }}
    where not is_control and last_node_id is not null
    group by {{ grouping_sets([
        ['account_key', 'journey_id', 'last_node_id'],
        ['account_key', 'journey_id', 'last_node_version_id', 'last_node_id'],
    ]) }}
),

any_version as (
    select
        account_key,
        journey_id,
        node_id,
        node_name,
        node_type,
        channel
    from {{ ref('int_nodes_any_version') }}
),

groups as (
    select
        account_key,
        journey_id,
        journey_version_id,
        node_id,
        platform
    from message_measures
    union
    select
        account_key,
        journey_id,
        journey_version_id,
        node_id,
        'ALL' as platform
    from {{ ref('dim_node') }}
    union
    select
        account_key,
        journey_id,
        'ALL' as journey_version_id,
        node_id,
        'ALL' as platform
    from {{ ref('dim_node') }}
),

joined as (
    select
        groups.account_key,
        groups.journey_id,
        groups.journey_version_id,
        groups.node_id,
        groups.platform,
        coalesce(nodes.node_name, any_version.node_name, groups.node_id) as node_name,
        {{ node_attribute('node_type') }} as node_type,
        {{ node_attribute('channel') }} as channel,
        case when groups.platform = 'ALL' then coalesce(visits.entry_count, 0) end as entry_count,
        case when groups.platform = 'ALL' then coalesce(visits.entry_users, 0) end as entry_users,
        case when groups.platform = 'ALL' then coalesce(endings.dropoff_entries, 0) end as dropoff_entries,
        case when groups.platform = 'ALL' then coalesce(endings.entries_open_here, 0) end as entries_open_here,
        {{ message_measures_or_zero('message_measures') }}
    from groups
    left join {{ ref('dim_node') }} as nodes
        on
            groups.account_key = nodes.account_key
            and groups.journey_id = nodes.journey_id
            and groups.journey_version_id = nodes.journey_version_id
            and groups.node_id = nodes.node_id
    left join any_version
        on
            groups.account_key = any_version.account_key
            and groups.journey_id = any_version.journey_id
            and groups.node_id = any_version.node_id
    left join visits
        on
            groups.account_key = visits.account_key
            and groups.journey_id = visits.journey_id
            and groups.journey_version_id = visits.version_group
            and groups.node_id = visits.node_id
    left join endings
        on
            groups.account_key = endings.account_key
            and groups.journey_id = endings.journey_id
            and groups.journey_version_id = endings.version_group
            and groups.node_id = endings.node_id
    left join message_measures
        on
            groups.account_key = message_measures.account_key
            and groups.journey_id = message_measures.journey_id
            and groups.journey_version_id = message_measures.journey_version_id
            and groups.node_id = message_measures.node_id
            and groups.platform = message_measures.platform
)

select
    account_key,
    journey_id,
    journey_version_id,
    node_id,
    platform,
    node_name,
    node_type,
    channel,
    cast(entry_count as bigint) as entry_count,
    cast(entry_users as bigint) as entry_users,
    cast(dropoff_entries as bigint) as dropoff_entries,
    cast(entries_open_here as bigint) as entries_open_here,
    {{ message_measure_columns() }}
from joined
