with steps as (
    select *
    from {{ ref('mart_step_stats') }}
    where journey_version_id = 'ALL' and platform = 'ALL'
),

measured as (
    select
        steps.account_key,
        steps.journey_id,
        steps.node_id,
        'signal_low_engagement' as signal_id,
        steps.messages_clicked as numerator,
        steps.messages_accepted as denominator
    from steps
    -- Without a single reported click on the channel the click rate is unknown, not low.
    inner join {{ ref('int_channel_tracking') }} as tracking
        on
            steps.account_key = tracking.account_key
            and steps.channel = tracking.channel
            and tracking.tracks_messages_clicked
    union all
    select
        account_key,
        journey_id,
        node_id,
        'signal_delivery' as signal_id,
        messages_failed as numerator,
        messages_attempted as denominator
    from steps
    where messages_attempted > 0
    union all
    select
        account_key,
        journey_id,
        node_id,
        'signal_step_drop' as signal_id,
        dropoff_entries as numerator,
        entries_reached - entries_open_here as denominator
    from {{ ref('mart_step_flow') }}
    where journey_version_id = 'ALL'
    union all
    select
        account_key,
        journey_id,
        'ALL' as node_id,
        'signal_low_conversion' as signal_id,
        converted_users as numerator,
        unique_entry_users as denominator
    from {{ ref('mart_journey_overview') }}
    where journey_version_id = 'ALL' and period_id = 'all_time' and primary_goal_id is not null
),

limits as (
    {% for signal, limit in signal_thresholds().items() %}
    {% if not loop.first %}union all{% endif %}
    select
        '{{ signal }}' as signal_id,
        '{{ limit["raised_when"] }}' as raised_when,
        cast({{ limit["threshold"] }} as double) as threshold,
        {{ limit["min_sample"] }} as min_sample
    {% endfor %}
),

rated as (
    select
        measured.*,
        limits.raised_when,
        limits.threshold,
        limits.min_sample,
        {{ rate('measured.numerator', 'measured.denominator') }} as signal_rate
    from measured
    inner join limits
        on measured.signal_id = limits.signal_id
)

select
    account_key,
    journey_id,
    node_id,
    signal_id,
    cast(numerator as bigint) as signal_numerator,
    cast(denominator as bigint) as signal_denominator,
    cast(signal_rate as double) as signal_rate,
    raised_when,
    cast(threshold as double) as threshold,
    cast(min_sample as bigint) as min_sample,
    denominator >= min_sample
    and coalesce(
        case raised_when when 'below' then signal_rate < threshold else signal_rate > threshold end,
        false
    ) as is_raised
from rated
