-- A conversion event counts once per campaign, however many of its messages the user got before it.
with events as (
    select
        conversions.account_key,
        conversions.campaign_id,
        conversions.user_key,
        conversions.conversion_event_id,
        min(conversions.conversion_date) as date_day,
        row_number() over (
            partition by conversions.account_key, conversions.campaign_id, conversions.user_key
            order by min(conversions.converted_at), conversions.conversion_event_id
        ) = 1 as is_first_conversion
    from {{ ref('int_campaign_conversions') }} as conversions
    group by
        conversions.account_key, conversions.campaign_id, conversions.user_key, conversions.conversion_event_id
)

select
    events.account_key,
    events.campaign_id,
    user_events.currency,
    events.date_day,
    settings.reporting_timezone,
    'event' as date_basis,
    cast(sum(case when events.is_first_conversion then user_events.value else 0 end) as decimal(38, 9))
        as revenue_first,
    cast(sum(user_events.value) as decimal(38, 9)) as revenue_all,
    cast(count(*) as bigint) as conversion_events,
    cast(count(distinct events.user_key) as bigint) as paying_users
from events
inner join {{ ref('stg_user_events') }} as user_events
    on events.account_key = user_events.account_key and events.conversion_event_id = user_events.event_id
inner join {{ ref('stg_settings') }} as settings
    on events.account_key = settings.account_key
where user_events.value is not null and user_events.currency is not null
group by
    events.account_key, events.campaign_id, user_events.currency, events.date_day, settings.reporting_timezone
