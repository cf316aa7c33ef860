-- What an account reports at all on a channel: a measure nobody reports is unknown, not 0 (A03, A34, A35).
select
    account_key,
    coalesce(channel, 'other') as channel,
    coalesce(bool_or(is_attempted), false) as tracks_messages_attempted,
    coalesce(bool_or(is_accepted), false) as tracks_messages_accepted,
    coalesce(bool_or(is_delivered), false) as tracks_messages_delivered,
    coalesce(bool_or(impressions_total > 0), false) as tracks_messages_impressed,
    coalesce(bool_or(opens_total > 0), false) as tracks_messages_opened,
    coalesce(bool_or(clicks_total > 0), false) as tracks_messages_clicked,
    coalesce(bool_or(reads_total > 0), false) as tracks_messages_read,
    coalesce(bool_or(replies_total > 0), false) as tracks_messages_replied,
    coalesce(bool_or(streamed_events > 0), false) as tracks_streamed_events,
    -- A click on a push is its direct open (A37).
    coalesce(bool_or(case when channel = 'push' then opens_total > 0 else clicks_total > 0 end), false)
        as tracks_click_rate
from {{ ref('fct_messages') }}
where not is_control
group by account_key, coalesce(channel, 'other')
