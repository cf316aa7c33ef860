-- Additive message measures of the channels add up to the journey (R18); uniques need not.
-- A returned row is a journey where they do not.
with channels as (
    select
        account_key,
        journey_id,
        period_id,
        date_basis,
        sum(case when channel <> 'ALL' then messages_attempted end) as channels_attempted,
        sum(case when channel = 'ALL' then messages_attempted end) as journey_attempted,
        sum(case when channel <> 'ALL' then clicks_total end) as channels_clicks,
        sum(case when channel = 'ALL' then clicks_total end) as journey_clicks
    from {{ ref('mart_channel_stats') }}
    where journey_version_id = 'ALL' and platform = 'ALL'
    group by account_key, journey_id, period_id, date_basis
)

select *
from channels
where
    coalesce(channels_attempted, 0) <> coalesce(journey_attempted, 0)
    or coalesce(channels_clicks, 0) <> coalesce(journey_clicks, 0)
