-- A conversion event counts once per campaign, however many of its messages the user got before it.
with events as (
    select
        conversions.account_key,
        conversions.campaign_id,
        conversions.user_key,
        conversions.conversion_event_id,
        min(conversions.conversion_date) as date_day,
        max(conversions.value) as value,
        max(conversions.currency) as currency,
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
    events.currency,
    events.date_day,
    settings.reporting_timezone,
    'event' as date_basis,
    cast(sum(case when events.is_first_conversion then events.value else 0 end) as decimal(38, 9)) as revenue_first,
    cast(sum(events.value) as decimal(38, 9)) as revenue_all,
    cast(count(*) as bigint) as conversion_events,
    cast(count(distinct events.user_key) as bigint) as paying_users
from events
inner join {{ ref('stg_settings') }} as settings
    on events.account_key = settings.account_key
where events.value is not null and events.currency is not null
group by events.account_key, events.campaign_id, events.currency, events.date_day, settings.reporting_timezone
