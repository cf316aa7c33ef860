{{ rebuilt_by('conversion_pair') }}

with conversions as (
    select
        attributed.*,
        entries.journey_version_id,
        entries.entered_at,
        entries.is_control,
        goals.window_anchor,
        goals.window_seconds,
        goals.is_primary_goal,
        goals.is_headline_goal,
        settings.reporting_timezone
    from {{ touched(ref('int_conversions_attributed'), 'conversion_pair') }} as attributed
    inner join {{ ref('int_entries_exited') }} as entries
        on
            attributed.account_key = entries.account_key
            and attributed.journey_entry_id = entries.journey_entry_id
    inner join {{ ref('int_goal_versions') }} as goals
        on
            attributed.account_key = goals.account_key
            and attributed.journey_id = goals.journey_id
            and attributed.goal_id = goals.goal_id
            and (goals.valid_from is null or entries.entered_at >= goals.valid_from)
            and (goals.valid_to is null or entries.entered_at < goals.valid_to)
    inner join {{ ref('stg_settings') }} as settings
        on attributed.account_key = settings.account_key
)

select
    account_key,
    journey_id,
    goal_id,
    event_id,
    journey_version_id,
    journey_entry_id,
    user_key,
    window_anchor,
    window_seconds,
    value,
    currency,
    ({{ epoch_us('occurred_at') }} - {{ epoch_us('entered_at') }}) / 1000000.0 as seconds_to_convert,
    is_control,
    row_number() over (
        partition by account_key, journey_id, goal_id, user_key, is_control
        order by occurred_at, event_id
    ) = 1 as is_first_conversion,
    is_primary_goal,
    is_headline_goal,
    {{ local_date('entered_at', 'reporting_timezone') }} as entry_date,
    {{ local_date('occurred_at', 'reporting_timezone') }} as conversion_date,
    reporting_timezone,
    entered_at,
    anchor_at,
    occurred_at
from conversions
