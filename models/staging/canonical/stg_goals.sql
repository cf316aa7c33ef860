{{ latest_rows('goals', ['journey_id', 'goal_id', 'valid_from']) }}

select
    account_key,
    journey_id,
    goal_id,
    goal_name,
    goal_index,
    event_name,
    filters,
    coalesce(window_seconds, 0) as window_seconds,
    coalesce(lower(window_anchor), 'journey_exit') as window_anchor,
    coalesce(ends_journey, false) as ends_journey,
    coalesce(is_primary, false) as is_primary,
    value_property,
    currency_property,
    valid_from,
    valid_to,
    source_file
from final
