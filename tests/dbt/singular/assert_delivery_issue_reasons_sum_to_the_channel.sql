-- A message has one issue with one reason (F17), so messages add up over reasons to the channel, and over
-- steps to the journey. A returned row is a channel where they do not or whose denominator differs.
with reasons as (
    select
        account_key,
        journey_id,
        channel,
        period_id,
        sum(case when node_id = 'ALL' then delivery_issue_messages end) as issues_of_reasons,
        sum(case when node_id <> 'ALL' then delivery_issue_messages end) as issues_of_steps,
        sum(case when node_id = 'ALL' then ct_errors end) as errors_of_reasons,
        max(case when node_id = 'ALL' then users_entered_channel_steps end) as users_entered_channel_steps
    from {{ ref('mart_delivery_issues') }}
    group by account_key, journey_id, channel, period_id
)

select
    channels.account_key,
    channels.journey_id,
    channels.channel,
    channels.period_id,
    channels.date_basis,
    channels.delivery_issue_messages,
    reasons.issues_of_reasons,
    reasons.issues_of_steps
from {{ ref('mart_channel_stats') }} as channels
left join reasons
    on
        channels.account_key = reasons.account_key
        and channels.journey_id = reasons.journey_id
        and channels.channel = reasons.channel
        and channels.period_id = reasons.period_id
where
    channels.journey_version_id = 'ALL'
    and channels.platform = 'ALL'
    and (
        coalesce(reasons.issues_of_reasons, 0) <> channels.delivery_issue_messages
        or coalesce(reasons.errors_of_reasons, 0) <> channels.ct_errors
        or coalesce(reasons.users_entered_channel_steps, channels.users_entered_channel_steps)
        <> channels.users_entered_channel_steps
        or (channels.journey_id <> 'ALL' and reasons.issues_of_steps <> reasons.issues_of_reasons)
    )
