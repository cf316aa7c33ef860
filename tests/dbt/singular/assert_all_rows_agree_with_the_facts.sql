-- Rolled-up rows are counted again from the facts, in every period and on both bases, by another way than the marts do.
-- A returned row names the mart, the measure and the two numbers.
with periods as (
    {{ period_bases(['event', 'send_cohort']) }}
),

entries as (
    select
        entries.account_key,
        entries.journey_id,
        periods.period_id,
        periods.date_basis,
        count(*) as total_entries,
        count(distinct entries.user_key) as unique_entry_users
    from {{ ref('fct_journey_entries') }} as entries
    inner join periods
        on
            entries.account_key = periods.account_key
            and {{ falls_in('periods', 'entries.entry_date', 'entries.entry_date') }}
    where not entries.is_control
    group by entries.account_key, entries.journey_id, periods.period_id, periods.date_basis
),

messages as (
    select
        messages.account_key,
        messages.journey_id,
        periods.period_id,
        periods.date_basis,
        count(case when messages.is_accepted then 1 end) as messages_accepted,
        count(distinct case when messages.is_accepted then messages.user_key end) as users_accepted,
        count(distinct case when messages.is_accepted then messages.endpoint_id end) as devices_accepted
    from {{ ref('fct_messages') }} as messages
    inner join periods
        on
            messages.account_key = periods.account_key
            and {{ falls_in('periods', 'messages.message_date', 'messages.message_date') }}
    where not messages.is_control and messages.journey_id is not null
    group by messages.account_key, messages.journey_id, periods.period_id, periods.date_basis
),

clicks as (
    select
        events.account_key,
        events.journey_id,
        periods.period_id,
        periods.date_basis,
        count(*) as clicks_total,
        count(distinct events.message_id) as messages_clicked,
        count(distinct events.user_key) as users_clicked
    from {{ ref('fct_message_events') }} as events
    inner join {{ ref('fct_messages') }} as messages
        on events.account_key = messages.account_key and events.message_id = messages.message_id
    inner join periods
        on
            events.account_key = periods.account_key
            and {{ falls_in('periods', 'events.event_date', 'messages.message_date') }}
    where not events.is_control and events.event_type = 'clicked' and events.journey_id is not null
    group by events.account_key, events.journey_id, periods.period_id, periods.date_basis
),

overview as (
    select
        *,
        'event' as date_basis
    from {{ ref('mart_journey_overview') }}
    where journey_version_id = 'ALL'
),

channels as (
    select *
    from {{ ref('mart_channel_stats') }}
    where journey_id <> 'ALL' and journey_version_id = 'ALL' and channel = 'ALL' and platform = 'ALL'
),

compared as (
    {% for mart, fact, measure in [
        ('overview', 'entries', 'total_entries'), ('overview', 'entries', 'unique_entry_users'),
        ('overview', 'messages', 'messages_accepted'),
        ('channels', 'messages', 'messages_accepted'), ('channels', 'messages', 'users_accepted'),
        ('channels', 'messages', 'devices_accepted'), ('channels', 'clicks', 'clicks_total'),
        ('channels', 'clicks', 'messages_clicked'), ('channels', 'clicks', 'users_clicked'),
    ] %}
    {% if not loop.first %}union all{% endif %}
    select
        {{ mart }}.account_key,
        {{ mart }}.journey_id,
        {{ mart }}.period_id,
        {{ mart }}.date_basis,
        '{{ mart }}.{{ measure }}' as measure,
        {{ mart }}.{{ measure }} as mart_value,
        coalesce({{ fact }}.{{ measure }}, 0) as fact_value
    from {{ mart }}
    left join {{ fact }}
        on
            {{ mart }}.account_key = {{ fact }}.account_key
            and {{ mart }}.journey_id = {{ fact }}.journey_id
            and {{ mart }}.period_id = {{ fact }}.period_id
            and {{ mart }}.date_basis = {{ fact }}.date_basis
    where {{ mart }}.journey_id <> 'none'
    {% endfor %}
)

select *
from compared
where mart_value <> fact_value
