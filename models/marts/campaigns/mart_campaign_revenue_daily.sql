-- A conversion event counts once per campaign, for the last of its messages that the user got before it.
with ranked as (
    select
        account_key,
        campaign_id,
        user_key,
        conversion_event_id,
        conversion_date as date_day,
        converted_at,
        value,
        currency,
        row_number() over (
            partition by account_key, campaign_id, user_key, conversion_event_id
            order by sent_at desc, message_id asc
        ) as recency
    from {{ ref('int_campaign_conversions') }}
),

events as (
    select
        *,
        row_number() over (
            partition by account_key, campaign_id, user_key
            order by converted_at, conversion_event_id
        ) = 1 as is_first_conversion
    from ranked
    where recency = 1
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
