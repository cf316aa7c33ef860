-- Messages and clicks of the platforms, and of their device models, add up to the campaign; their impression shares
-- add up to 100 %.
-- A returned row is a campaign where they do not.
with platforms as (
    select
        account_key,
        campaign_id,
        device_model = 'ALL' as is_platform_row,
        sum(messages_attempted) as messages_attempted,
        sum(messages_impressed) as messages_impressed,
        sum(clicks_total) as clicks_total,
        sum(ct_impressions_share_pct) as share_pct
    from {{ ref('mart_campaign_platform') }}
    where platform <> 'ALL'
    group by account_key, campaign_id, device_model = 'ALL'
)

select
    campaigns.account_key,
    campaigns.campaign_id,
    platforms.messages_attempted,
    platforms.share_pct
from {{ ref('mart_campaign_stats') }} as campaigns
cross join (values (true), (false)) as levels (is_platform_row)
left join platforms
    on
        campaigns.account_key = platforms.account_key
        and campaigns.campaign_id = platforms.campaign_id
        and levels.is_platform_row = platforms.is_platform_row
where
    coalesce(platforms.messages_attempted, 0) <> campaigns.messages_attempted
    or coalesce(platforms.messages_impressed, 0) <> campaigns.messages_impressed
    or coalesce(platforms.clicks_total, 0) <> campaigns.clicks_total
    or (campaigns.messages_impressed > 0 and abs(coalesce(platforms.share_pct, 0) - 100) > 0.000001)
