{{ config(materialized='view') }}
{# Without the name of the database the view works in a copied or renamed warehouse file. #}

with messages as (
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        journey_version_id,
        coalesce(channel, 'other') as channel,
        user_key,
        message_id,
        coalesce(node_id, 'none') as node_id,
        issue_kind,
        reason_code,
        issue_class,
        coalesce(sent_at, first_event_at) as attempted_at,
        message_date
    from {{ ref('fct_messages').include(database=false) }}
    where not is_control
),

issues as (
    select
        *,
        row_number() over (
            partition by account_key, journey_id, channel, user_key
            order by attempted_at desc, message_id desc
        ) as issue_recency
    from messages
    where issue_kind is not null
),

-- A message of any journey shows that the channel reaches the user.
successes as (
    select
        account_key,
        channel,
        user_key,
        max(attempted_at) as last_success_at
    from messages
    where issue_kind is null
    group by account_key, channel, user_key
)

select
    coalesce(users.external_user_id, issues.user_key) as external_user_id,
    issues.channel,
    issues.issue_kind,
    issues.reason_code,
    issues.issue_class,
    issues.attempted_at,
    successes.last_success_at,
    issues.message_date,
    coalesce(nodes.node_name, issues.node_id) as node_name,
    issues.node_id,
    issues.journey_id,
    issues.journey_version_id,
    issues.message_id,
    issues.user_key,
    issues.account_key
from issues
left join successes
    on
        issues.account_key = successes.account_key
        and issues.channel = successes.channel
        and issues.user_key = successes.user_key
left join {{ ref('dim_user').include(database=false) }} as users
    on issues.account_key = users.account_key and issues.user_key = users.user_key
left join {{ ref('int_nodes_any_version').include(database=false) }} as nodes
    on
        issues.account_key = nodes.account_key
        and issues.journey_id = nodes.journey_id
        and issues.node_id = nodes.node_id
where
    issues.issue_recency = 1
    and coalesce(successes.last_success_at <= issues.attempted_at, true)
    and not coalesce(users.is_deleted, false)
