-- Rolled-up rows are counted again from the facts, by another way than the marts do.
-- A returned row names the mart, the measure and the two numbers.
with entries as (
    select
        account_key,
        journey_id,
        count(*) as total_entries,
        count(distinct user_key) as unique_entry_users
    from {{ ref('fct_journey_entries') }}
    where not is_control
    group by account_key, journey_id
),

messages as (
    select
        account_key,
        journey_id,
        count(case when is_accepted then 1 end) as messages_accepted,
        count(distinct case when is_accepted then user_key end) as users_accepted
    from {{ ref('fct_messages') }}
    where not is_control and journey_id is not null
    group by account_key, journey_id
),

clicks as (
    select
        account_key,
        journey_id,
        count(*) as clicks_total,
        count(distinct user_key) as users_clicked
    from {{ ref('fct_message_events') }}
    where not is_control and event_type = 'clicked' and journey_id is not null
    group by account_key, journey_id
),

overview as (
    select *
    from {{ ref('mart_journey_overview') }}
    where journey_version_id = 'ALL' and period_id = 'all_time'
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
        ('channels', 'clicks', 'clicks_total'), ('channels', 'clicks', 'users_clicked'),
    ] %}
    {% if not loop.first %}union all{% endif %}
    select
        {{ mart }}.account_key,
        {{ mart }}.journey_id,
        '{{ mart }}.{{ measure }}' as measure,
        {{ mart }}.{{ measure }} as mart_value,
        coalesce({{ fact }}.{{ measure }}, 0) as fact_value
    from {{ mart }}
    left join {{ fact }}
        on {{ mart }}.account_key = {{ fact }}.account_key and {{ mart }}.journey_id = {{ fact }}.journey_id
    where {{ mart }}.journey_id <> 'none'
    {% endfor %}
)

select *
from compared
where mart_value <> fact_value
