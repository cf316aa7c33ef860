-- Days, weeks and months cut the same events, so each bucket size adds up to all time.
-- A returned row is a channel and bucket size where they do not, or where users exceed their messages.
with buckets as (
    select
        account_key,
        channel,
        bucket_grain,
        sum(messages_attempted) as messages_attempted,
        sum(messages_accepted) as messages_accepted,
        sum(opens_total) as opens_total,
        sum(clicks_total) as clicks_total,
        max(case when users_accepted > messages_accepted then 1 else 0 end) as has_too_many_users
    from {{ ref('mart_message_trend') }}
    where campaign_id = 'ALL'
    group by account_key, channel, bucket_grain
)

select
    buckets.*,
    channels.messages_attempted as channel_attempted
from buckets
inner join {{ ref('mart_channel_stats') }} as channels
    on
        buckets.account_key = channels.account_key
        and buckets.channel = channels.channel
        and channels.journey_id = 'ALL'
        and channels.platform = 'ALL'
        and channels.period_id = 'all_time'
        and channels.date_basis = 'event'
where
    buckets.messages_attempted <> channels.messages_attempted
    or buckets.messages_accepted <> channels.messages_accepted
    or buckets.opens_total <> channels.opens_total
    or buckets.clicks_total <> channels.clicks_total
    or buckets.has_too_many_users = 1
