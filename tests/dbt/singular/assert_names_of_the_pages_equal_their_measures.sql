-- A goal's figures under the names of the vendor pages are the neutral measures beside them (A19, A38).
-- A returned row is a goal where a name shows another number.
select *
from {{ ref('mart_goal_stats') }}
where
    pw_goal_count <> converted_users
    or nm_total_converted_users <> converted_users
    or nm_total_conversion_events <> conversion_events_total
    or nm_total_conversion_events < nm_total_converted_users
    or (pw_goal_conversion_rate_pct is null) <> (total_entries = 0)
    or abs(pw_goal_conversion_rate_pct * total_entries - 100 * converted_users) > 0.000001
    or (nm_conversion_rate_pct is null) <> (unique_entry_users = 0)
    or abs(nm_conversion_rate_pct * unique_entry_users - 100 * converted_users) > 0.000001
