select
    account_key,
    journey_id,
    {{ all_when_rolled_up('transitions.journey_version_id') }} as journey_version_id,
    from_node_id,
    to_node_id,
    cast(count(*) as bigint) as transitions,
    cast(count(distinct journey_entry_id) as bigint) as entries,
    cast(count(distinct user_key) as bigint) as users,
    cast(percentile_cont(0.5) within group (order by seconds_between) as double) as seconds_p50,
    cast(percentile_cont(0.9) within group (order by seconds_between) as double) as seconds_p90
from {{ ref('fct_node_transitions') }} as transitions
where not is_control
group by {{ grouping_sets([
    ['account_key', 'journey_id', 'from_node_id', 'to_node_id'],
    ['account_key', 'journey_id', 'transitions.journey_version_id', 'from_node_id', 'to_node_id'],
]) }}
