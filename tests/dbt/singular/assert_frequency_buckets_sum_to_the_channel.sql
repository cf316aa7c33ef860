-- Every user with an accepted message is in one bucket of the channel, whose messages lie inside its bounds.
-- A returned row is a channel where users or messages do not add up.
with buckets as (
    select
        account_key,
        channel,
        sum(users) as users,
        sum(messages_accepted) as messages_accepted,
        max(case
            when messages_accepted < users * messages_from or converted_users > users
                then 1
            else 0
        end) as has_wrong_bucket
    from {{ ref('mart_frequency') }}
    group by account_key, channel
)

select
    channels.account_key,
    channels.channel,
    channels.users_accepted,
    buckets.users
from {{ ref('mart_channel_stats') }} as channels
left join buckets
    on channels.account_key = buckets.account_key and channels.channel = buckets.channel
where
    channels.journey_id = 'ALL'
    and channels.platform = 'ALL'
    and channels.period_id = 'all_time'
    and channels.date_basis = 'event'
    and (
        coalesce(buckets.users, 0) <> channels.users_accepted
        or coalesce(buckets.messages_accepted, 0) <> channels.messages_accepted
        or coalesce(buckets.has_wrong_bucket, 0) = 1
    )
