with observed as (
    select
        account_key,
        campaign_id,
        coalesce(min(nullif(channel, 'other')), min(channel)) as channel,
        min(journey_id) as journey_id,
        min(node_id) as node_id
    from {{ ref('fct_messages') }}
    where campaign_id is not null
    group by account_key, campaign_id
),

named as (
    select
        account_key,
        campaign_id
    from {{ ref('stg_campaigns') }}
    union
    select
        account_key,
        campaign_id
    from observed
    union
    select
        account_key,
        campaign_id
    from {{ ref('stg_nodes') }}
    where campaign_id is not null
)

select
    named.account_key,
    named.campaign_id,
    coalesce(campaigns.campaign_name, named.campaign_id) as campaign_name,
    coalesce(campaigns.channel, observed.channel) as channel,
    coalesce(campaigns.journey_id, observed.journey_id) as journey_id,
    coalesce(campaigns.node_id, observed.node_id) as node_id,
    campaigns.subject_or_title,
    campaigns.provider,
    campaigns.conversion_event_name,
    cast(campaigns.campaign_conversion_seconds as double) as campaign_conversion_seconds,
    campaigns.campaign_id is null as is_inferred,
    campaigns.created_at
from named
left join {{ ref('stg_campaigns') }} as campaigns
    on named.account_key = campaigns.account_key and named.campaign_id = campaigns.campaign_id
left join observed
    on named.account_key = observed.account_key and named.campaign_id = observed.campaign_id
