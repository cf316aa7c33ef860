-- An entry that reached a step went on, waits there or ended there (NM-53), the last two as in the step mart.
-- A returned row is a step where the parts do not add up or differ.
select
    flow.*,
    steps.dropoff_entries as step_dropoff_entries,
    steps.entries_open_here as step_entries_open_here
from {{ ref('mart_step_flow') }} as flow
left join {{ ref('mart_step_stats') }} as steps
    on
        flow.account_key = steps.account_key
        and flow.journey_id = steps.journey_id
        and flow.journey_version_id = steps.journey_version_id
        and flow.node_id = steps.node_id
        and steps.platform = 'ALL'
where
    flow.entries_reached
    <> flow.entries_continued + flow.entries_open_here + flow.dropoff_entries + flow.entries_completed_here
    or flow.dropoff_entries <> coalesce(steps.dropoff_entries, -1)
    or flow.entries_open_here <> coalesce(steps.entries_open_here, -1)
    or flow.users_continued > flow.users_reached
