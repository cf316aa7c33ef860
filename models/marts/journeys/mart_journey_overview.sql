{% set measures = journey_sum_names() + (journey_users() | map(attribute=0) | list) %}
with groups as (
    select
        account_key,
        journey_id,
        journey_version_id
    from {{ ref('dim_journey_version') }}
    union all
    select
        account_key,
        journey_id,
        'ALL' as journey_version_id
    from {{ ref('dim_journey') }}
),

-- Only channels that report opens can answer how many messages were opened (A34).
opens as (
    select
        channels.account_key,
        channels.journey_id,
        channels.journey_version_id,
        channels.period_id,
        sum(channels.messages_opened) as messages_opened,
        sum(channels.messages_accepted) as open_trackable_messages
    from {{ ref('mart_channel_stats') }} as channels
    inner join {{ ref('int_channel_tracking') }} as tracking
        on
            channels.account_key = tracking.account_key
            and channels.channel = tracking.channel
            and tracking.tracks_messages_opened
    where channels.platform = 'ALL' and channels.date_basis = 'event'
    group by channels.account_key, channels.journey_id, channels.journey_version_id, channels.period_id
),

joined as (
    select
        groups.account_key,
        groups.journey_id,
        groups.journey_version_id,
        periods.period_id,
        periods.period_from,
        periods.period_to,
        periods.reporting_timezone,
        settings.as_of,
        journeys.journey_name,
        journeys.journey_type,
        journeys.category,
        journeys.journey_status,
        journeys.headline_goal_id as primary_goal_id,
        journeys.goals_configured,
        coalesce(opens.messages_opened, 0) as messages_opened,
        coalesce(opens.open_trackable_messages, 0) as open_trackable_messages,
        {% for name in measures %}coalesce(measures.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from groups
    inner join {{ ref('stg_settings') }} as settings
        on groups.account_key = settings.account_key
    inner join {{ ref('dim_period') }} as periods
        on groups.account_key = periods.account_key
    inner join {{ ref('dim_journey') }} as journeys
        on groups.account_key = journeys.account_key and groups.journey_id = journeys.journey_id
    left join {{ ref('int_journey_period_measures') }} as measures
        on
            groups.account_key = measures.account_key
            and groups.journey_id = measures.journey_id
            and groups.journey_version_id = measures.journey_version_id
            and periods.period_id = measures.period_id
    left join opens
        on
            groups.account_key = opens.account_key
            and groups.journey_id = opens.journey_id
            and groups.journey_version_id = opens.journey_version_id
            and periods.period_id = opens.period_id
)

select
    account_key,
    journey_id,
    journey_version_id,
    period_id,
    period_from,
    period_to,
    reporting_timezone,
    as_of,
    journey_name,
    journey_type,
    category,
    journey_status,
    primary_goal_id,
    goals_configured,
    {{ journey_measure_columns() }},
    cast(total_entries as bigint) as pw_entrances,
    cast(users_in_journey_now as bigint) as pw_in_journey_now,
    cast(dropoffs_internal as bigint) as pw_internal_errors,
    cast({{ pct('dropoffs_internal + dropoffs_sending', 'total_entries') }} as double) as pw_dropoff_rate_pct,
    cast(messages_opened as bigint) as pw_messages_opened,
    cast(open_trackable_messages as bigint) as open_trackable_messages,
    cast({{ pct('messages_opened', 'open_trackable_messages') }} as double) as pw_messages_opened_pct,
    cast(total_entries as bigint) as nm_total_entries,
    cast(unique_entry_users as bigint) as nm_entry_user_count
from joined
