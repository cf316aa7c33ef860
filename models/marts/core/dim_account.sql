select
    account_key,
    source_system,
    source_account,
    as_of,
    reporting_timezone,
    conversion_boundary,
    bot_click_min_seconds,
    max_open_entry_seconds,
    primary_goal_id,
    campaign_conversion_seconds,
    override_window_anchor
from {{ ref('stg_settings') }}
