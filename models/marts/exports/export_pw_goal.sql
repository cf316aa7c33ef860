select
    coalesce(stats.goal_name, stats.goal_id) as goal_name,
    100 * stats.pw_conversion_rate as pw_goal_conversion_rate_pct,
    stats.converted_users as pw_goal_count,
    stats.total_entries as pw_entrances,
    stats.conversion_events_total,
    stats.goal_event_name,
    goals.filters as goal_conditions,
    stats.window_seconds,
    stats.window_anchor,
    journeys.journey_name,
    journeys.category,
    stats.journey_id,
    stats.goal_id,
    stats.period_id,
    stats.date_basis,
    stats.account_key
from {{ ref('mart_goal_stats') }} as stats
inner join {{ ref('dim_goal') }} as goals
    on
        stats.account_key = goals.account_key
        and stats.journey_id = goals.journey_id
        and stats.goal_id = goals.goal_id
        and goals.is_latest_version
left join {{ ref('dim_journey') }} as journeys
    on stats.account_key = journeys.account_key and stats.journey_id = journeys.journey_id
where stats.journey_version_id = 'ALL'
