select
    account_key,
    journey_id,
    goal_id,
    coalesce(valid_from, cast('1970-01-01' as timestamp)) as valid_from,
    valid_to,
    coalesce(goal_name, goal_id) as goal_name,
    goal_index,
    event_name as goal_event_name,
    coalesce(filters, '[]') as filters,
    window_seconds,
    window_anchor,
    value_property,
    currency_property,
    ends_journey,
    is_latest_version,
    is_primary_goal as is_primary,
    is_headline_goal
from {{ ref('int_goal_versions') }}
