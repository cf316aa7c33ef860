-- The three statuses are disjoint and complete (A23). A returned row has entries in no status or in two.
select *
from {{ ref('mart_journey_overview') }}
where total_entries <> status_in_progress + status_exited + status_dropped_off
