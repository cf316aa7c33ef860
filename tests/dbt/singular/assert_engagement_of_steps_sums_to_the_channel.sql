-- Messages and clicks of the steps' engagement rows add up to their channel (R18), over the versions too.
-- A returned row is a channel where they do not.
with steps as (
    select
        account_key,
        channel,
        period_id,
        date_basis,
        sum(case when journey_version_id = 'ALL' then ct_sent end) as sent,
        sum(case when journey_version_id <> 'ALL' then ct_sent end) as sent_of_versions,
        sum(case when journey_version_id = 'ALL' then ct_delivered end) as delivered,
        sum(case when journey_version_id = 'ALL' then ct_clicks_total end) as clicks
    from {{ ref('mart_engagement_stats') }}
    group by account_key, channel, period_id, date_basis
)

select
    steps.*,
    channels.messages_accepted,
    channels.messages_delivered,
    channels.clicks_total
from {{ ref('mart_channel_stats') }} as channels
left join steps
    on
        channels.account_key = steps.account_key
        and channels.channel = steps.channel
        and channels.period_id = steps.period_id
        and channels.date_basis = steps.date_basis
where
    channels.journey_id = 'ALL'
    and channels.platform = 'ALL'
    and channels.channel <> 'ALL'
    and (
        coalesce(steps.sent, 0) <> channels.messages_accepted
        or coalesce(steps.sent_of_versions, 0) <> channels.messages_accepted
        or coalesce(steps.delivered, 0) <> channels.messages_delivered
        or coalesce(steps.clicks, 0) <> channels.clicks_total
    )
