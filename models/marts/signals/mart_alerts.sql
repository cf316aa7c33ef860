{# Limits of an alarm; what each means stands in the description of the model. #}
{% set window_days = 28 %}
{% set min_messages = 100 %}
{% set min_affected = 5 %}
{% set min_days = 3 %}
{% set min_weekdays = 4 %}
{% set alarm_z = 5 %}
{% set critical_z = 10 %}
{% set rates = [
    ('failures', 'messages_failed', 'messages_attempted', 'Failed sends', 'attempted'),
    ('hard_bounces', 'messages_bounced_hard', 'messages_accepted', 'Hard bounces', 'accepted'),
    ('soft_bounces', 'messages_bounced_soft', 'messages_accepted', 'Soft bounces', 'accepted'),
    ('complaints', 'messages_complained', 'messages_accepted', 'Complaints', 'accepted'),
    ('unsubscribes', 'messages_unsubscribed', 'messages_accepted', 'Unsubscribes', 'accepted'),
] %}
{% set sums = {
    'messages_attempted': 'is_attempted',
    'messages_accepted': 'is_accepted',
    'messages_failed': 'is_failed',
    'messages_bounced_hard': 'is_bounced_hard',
    'messages_bounced_soft': 'is_bounced_soft',
    'messages_complained': 'complaints_total > 0',
    'messages_unsubscribed': 'unsubscribes_total > 0',
} %}
{% set series = ['account_key', 'journey_id', 'channel', 'measure', 'date_day'] %}
with sent_daily as (
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        channel,
        message_date as date_day,
        {% for name, condition in sums.items() %}count(case when {{ condition }} then 1 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_messages') }}
    where is_attempted and not is_control
    group by account_key, coalesce(journey_id, 'none'), channel, message_date
),

daily as (
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        channel,
        date_day,
        {% for name in sums %}sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from sent_daily
    group by {{ grouping_sets([
        ['account_key', 'channel', 'date_day'],
        ['account_key', 'journey_id', 'channel', 'date_day'],
    ]) }}
),

-- The day of as_of is not over yet, and after an account's last message nothing arrived at all: neither can be judged.
last_days as (
    select
        settings.account_key,
        settings.reporting_timezone,
        {{ local_date('settings.as_of', 'settings.reporting_timezone') }} as as_of_date,
        max(daily.date_day) as last_message_date
    from {{ ref('stg_settings') }} as settings
    inner join daily
        on settings.account_key = daily.account_key
    group by settings.account_key, settings.reporting_timezone, settings.as_of
),

series_days as (
    select
        series.account_key,
        series.journey_group,
        series.channel,
        last_days.reporting_timezone,
        days.date_day
    from (
        select
            account_key,
            journey_group,
            channel,
            min(date_day) as first_day
        from daily
        group by account_key, journey_group, channel
    ) as series
    inner join last_days
        on series.account_key = last_days.account_key
    inner join {{ ref('dim_date') }} as days
        on
            series.first_day <= days.date_day
            and last_days.last_message_date >= days.date_day
            and last_days.as_of_date > days.date_day
),

measures as (
    select 'volume' as measure
    {% for measure, affected, messages, label, basis in rates %}
    union all
    select '{{ measure }}' as measure
    {% endfor %}
),

counted as (
    select
        series_days.account_key,
        series_days.journey_group as journey_id,
        series_days.channel,
        series_days.date_day,
        series_days.reporting_timezone,
        measures.measure,
        case measures.measure
            {% for measure, affected, messages, label, basis in rates -%}
            when '{{ measure }}' then daily.{{ affected }}
            {% endfor -%}
        end as affected,
        coalesce(case measures.measure
            {% for measure, affected, messages, label, basis in rates -%}
            when '{{ measure }}' then daily.{{ messages }}
            {% endfor -%}
            else daily.messages_attempted
        end, 0) as messages
    from series_days
    left join daily
        on
            series_days.account_key = daily.account_key
            and series_days.journey_group = daily.journey_group
            and series_days.channel = daily.channel
            and series_days.date_day = daily.date_day
    cross join measures
),

measured as (
    select
        *,
        case when measure = 'volume' then cast(messages as double) else {{ rate('affected', 'messages') }} end as observed
    from counted
    where measure = 'volume' or messages >= {{ min_messages }}
),

pairs as (
    select
        {% for name in series %}judged.{{ name }},
        {% endfor -%}
        past.affected as past_affected,
        past.messages as past_messages,
        past.observed as past_observed,
        -- Volume follows the weekday: a slot holds one weekday, and slot 0 the weekday of the judged day.
        case
            when judged.measure = 'volume'
                then mod({{ dbt.datediff('past.date_day', 'judged.date_day', 'day') }}, 7)
            else 0
        end as slot
    from measured as judged
    inner join measured as past
        on
            judged.account_key = past.account_key
            and judged.journey_id = past.journey_id
            and judged.channel = past.channel
            and judged.measure = past.measure
            and judged.date_day > past.date_day
            and cast({{ dbt.dateadd('day', -window_days, 'judged.date_day') }} as date) <= past.date_day
    -- A rate can only alarm with enough affected messages; the others need no history.
    where judged.measure = 'volume' or judged.affected >= {{ min_affected }}
),

usual as (
    select
        {{ series | join(', ') }},
        slot,
        count(*) as slot_days,
        median(past_observed) as slot_median
    from pairs
    group by {{ series | join(', ') }}, slot
),

spreads as (
    select
        {% for name in series %}pairs.{{ name }},
        {% endfor -%}
        greatest(
            median(abs(pairs.past_observed - usual.slot_median)),
            median(case when pairs.slot = 0 then abs(pairs.past_observed - usual.slot_median) end)
        ) as median_deviation,
        -- One more case and two more messages: a history without a single case still has a sampling error.
        cast(sum(pairs.past_affected) + 1 as double) / (sum(pairs.past_messages) + 2) as pooled_rate
    from pairs
    inner join usual
        on
            pairs.slot = usual.slot
            {% for name in series %}and pairs.{{ name }} = usual.{{ name }}
            {% endfor %}
    group by {% for name in series %}pairs.{{ name }}{{ ', ' if not loop.last }}{% endfor %}

),

compared as (
    select
        measured.*,
        usual.slot_median as expected,
        usual.slot_days as history_days,
        spreads.median_deviation,
        spreads.pooled_rate
    from measured
    inner join usual
        on
            usual.slot = 0
            {% for name in series %}and measured.{{ name }} = usual.{{ name }}
            {% endfor %}
    inner join spreads
        on
            {% for name in series %}{{ 'and ' if not loop.first }}measured.{{ name }} = spreads.{{ name }}
            {% endfor %}
),

scored as (
    select
        compared.*,
        (observed - expected) / greatest(
            1.4826 * median_deviation,
            case
                when measure = 'volume' then sqrt(expected)
                else sqrt(pooled_rate * (1 - pooled_rate) / messages)
            end
        ) as robust_z
    from compared
    where measure <> 'volume' or expected > 0
),

alarmed as (
    select
        scored.*,
        case
            when measure <> 'volume' then measure
            when observed < expected then 'volume_drop'
            else 'volume_surge'
        end as alert_type
    from scored
    where
        case
            when measure = 'volume'
                then
                    abs(robust_z) >= {{ alarm_z }}
                    and history_days >= {{ min_weekdays }}
                    and greatest(observed, expected) >= {{ min_messages }}
                    and abs(observed - expected) >= 0.5 * expected
            else
                robust_z >= {{ alarm_z }} and history_days >= {{ min_days }}
        end
),

named as (
    select
        alarmed.*,
        case
            when abs(alarmed.robust_z) >= {{ critical_z }} or alarmed.observed = 0 then 'critical'
            else 'warning'
        end as severity,
        case alarmed.journey_id
            when 'ALL' then 'all journeys'
            when 'none' then 'messages without a journey'
            else 'journey ' || coalesce(journeys.journey_name, alarmed.journey_id)
        end as place,
        case alarmed.alert_type
            {% for measure, affected, messages, label, basis in rates -%}
            when '{{ measure }}' then '{{ label }}'
            {% endfor -%}
            else 'Volume'
        end as label,
        case alarmed.alert_type when 'failures' then 'attempted' else 'accepted' end as basis
    from alarmed
    left join {{ ref('dim_journey') }} as journeys
        on alarmed.account_key = journeys.account_key and alarmed.journey_id = journeys.journey_id
    -- A journey that somebody ended sends less on purpose.
    where
        alarmed.alert_type <> 'volume_drop'
        or coalesce(journeys.journey_status, 'active') not in ('finished', 'stopped', 'paused', 'archived')
)

select
    account_key,
    journey_id,
    channel,
    date_day,
    alert_type,
    severity,
    label || ' of ' || channel || ' in ' || place || ': '
    || case
        when measure = 'volume'
            then
                cast(messages as string) || ' attempted messages on ' || cast(date_day as string)
                || ', usual ' || cast(cast(round(expected) as bigint) as string)
                || ' (median of this weekday in the {{ window_days }} days before)'
        else
            cast(cast(100 * observed as decimal(9, 2)) as string) || ' % of ' || cast(messages as string)
            || ' ' || basis || ' messages on ' || cast(date_day as string)
            || ', usual ' || cast(cast(100 * expected as decimal(9, 2)) as string)
            || ' % (median of ' || cast(history_days as string)
            || ' days with at least {{ min_messages }} messages in the {{ window_days }} days before)'
    end as reason,
    cast(observed as double) as observed,
    cast(expected as double) as expected,
    cast(robust_z as double) as robust_z,
    cast(affected as bigint) as affected_messages,
    cast(messages as bigint) as base_messages,
    cast({{ min_messages }} as bigint) as min_messages,
    cast(history_days as bigint) as history_days,
    reporting_timezone
from named
