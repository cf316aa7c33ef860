select
    node_name,
    pw_point_sent,
    100 * pw_unique_open_rate as pw_point_opened_users_pct,
    pw_point_opened_users,
    case when channel <> 'push' then 100 * pw_click_rate end as pw_point_clicked_users_pct,
    case when channel <> 'push' then pw_point_clicked_users end as pw_point_clicked_users,
    100 * pw_point_goal_rate as pw_point_goal_rate_pct,
    pw_point_goal_users,
    messages_accepted,
    users_accepted,
    goal_name,
    goal_id,
    channel,
    journey_id,
    node_id,
    campaign_id,
    period_id,
    date_basis,
    account_key
from {{ ref('mart_message_stats') }}
where journey_id <> 'none'
