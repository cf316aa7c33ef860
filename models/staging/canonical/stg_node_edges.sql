{{ latest_rows('node_edges', ['journey_id', 'journey_version_id', 'from_node_id', 'to_node_id', 'branch_label']) }}

select
    account_key,
    journey_id,
    coalesce(journey_version_id, 'unknown') as journey_version_id,
    from_node_id,
    to_node_id,
    branch_label,
    expected_share,
    source_file
from final
