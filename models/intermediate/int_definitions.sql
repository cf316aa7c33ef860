select distinct
    'goal' as kind,
    account_key,
    journey_id as definition_key,
    {{ definition_content([
        'goal_id', 'valid_from', 'valid_to', 'condition_key', 'window_seconds', 'window_anchor', 'value_property',
        'currency_property', 'is_primary_goal', 'is_headline_goal'
    ]) }} as content
from {{ ref('int_goal_versions') }}
union all
select distinct
    'condition' as kind,
    account_key,
    condition_key as definition_key,
    event_name as content
from {{ ref('int_goal_versions') }}
union all
-- The first goal of an account with an anchor makes that anchor's events matter in all its journeys.
select distinct
    'anchor' as kind,
    account_key,
    window_anchor as definition_key,
    '' as content
from {{ ref('int_goal_versions') }}
union all
select
    'node' as kind,
    account_key,
    journey_id as definition_key,
    {{ definition_content(['journey_version_id', 'node_id', 'node_name', 'node_type', 'channel', 'is_terminal']) }} as content
from {{ ref('stg_nodes') }}
union all
select
    'node' as kind,
    account_key,
    journey_id as definition_key,
    {{ definition_content(["'any version'", 'node_id', 'node_name', 'node_type', 'channel', 'is_terminal']) }} as content
from {{ ref('int_nodes_any_version') }}
union all
select
    'campaign' as kind,
    account_key,
    campaign_id as definition_key,
    cast(campaign_conversion_seconds as string) as content
from {{ ref('stg_campaigns') }}
where campaign_conversion_seconds is not null
