-- Strict time order on one message: every step happens at or after the step before it (A18).
with sent as (
    select
        account_key,
        campaign_id,
        message_id,
        user_key,
        channel,
        sent_at
    from {{ ref('fct_messages') }}
    where is_accepted and not is_control and campaign_id is not null
),

viewed as (
    select
        sent.account_key,
        sent.campaign_id,
        sent.message_id,
        sent.user_key,
        min(events.occurred_at) as viewed_at
    from sent
    inner join {{ ref('fct_message_events') }} as events
        on
            sent.account_key = events.account_key
            and sent.message_id = events.message_id
            and events.event_type
            = case sent.channel when 'email' then 'opened' when 'whatsapp' then 'read' else 'impression' end
            and sent.sent_at <= events.occurred_at
    group by sent.account_key, sent.campaign_id, sent.message_id, sent.user_key
),

clicked as (
    select
        viewed.account_key,
        viewed.campaign_id,
        viewed.message_id,
        viewed.user_key,
        min(events.occurred_at) as clicked_at
    from viewed
    inner join {{ ref('fct_message_events') }} as events
        on
            viewed.account_key = events.account_key
            and viewed.message_id = events.message_id
            and events.event_type = 'clicked'
            and viewed.viewed_at <= events.occurred_at
    group by viewed.account_key, viewed.campaign_id, viewed.message_id, viewed.user_key
),

steps as (
    select
        account_key,
        campaign_id,
        user_key,
        1 as step_bit
    from sent
    union all
    select
        account_key,
        campaign_id,
        user_key,
        2 as step_bit
    from viewed
    union all
    select
        account_key,
        campaign_id,
        user_key,
        4 as step_bit
    from clicked
    union all
    select
        clicked.account_key,
        clicked.campaign_id,
        clicked.user_key,
        8 as step_bit
    from clicked
    inner join {{ ref('int_campaign_conversions') }} as conversions
        on
            clicked.account_key = conversions.account_key
            and clicked.message_id = conversions.message_id
            and clicked.clicked_at <= conversions.converted_at
    union all
    select
        viewed.account_key,
        viewed.campaign_id,
        viewed.user_key,
        16 as step_bit
    from viewed
    inner join {{ ref('int_campaign_conversions') }} as conversions
        on
            viewed.account_key = conversions.account_key
            and viewed.message_id = conversions.message_id
            and viewed.viewed_at <= conversions.converted_at
),

user_steps as (
    select
        account_key,
        campaign_id,
        user_key,
        bit_or(step_bit) as steps_reached
    from steps
    group by account_key, campaign_id, user_key
),

reached as (
    select
        account_key,
        campaign_id,
        steps_reached,
        count(*) as users_reached
    from user_steps
    group by account_key, campaign_id, steps_reached
),

step_names as (
    select *
    from (
        values
        ('users', 1, 'sent', 1), ('users', 2, 'viewed', 2), ('users', 3, 'clicked', 4), ('users', 4, 'converted', 8),
        ('influenced', 1, 'sent', 1), ('influenced', 2, 'viewed', 2), ('influenced', 3, 'converted', 16)
    ) as step_names (funnel_kind, step_order, step_name, step_bit)
),

-- A step nobody reached keeps its row.
counted as (
    select
        campaigns.account_key,
        campaigns.campaign_id,
        step_names.funnel_kind,
        step_names.step_order,
        step_names.step_name,
        coalesce(sum(reached.users_reached), 0) as step_users
    from {{ ref('dim_campaign') }} as campaigns
    cross join step_names
    left join reached
        on
            campaigns.account_key = reached.account_key
            and campaigns.campaign_id = reached.campaign_id
            and (reached.steps_reached & step_names.step_bit) > 0
    group by
        campaigns.account_key, campaigns.campaign_id, step_names.funnel_kind, step_names.step_order, step_names.step_name
),

compared as (
    select
        *,
        first_value(step_users) over (
            partition by account_key, campaign_id, funnel_kind
            order by step_order
        ) as sent_users,
        lag(step_users) over (
            partition by account_key, campaign_id, funnel_kind
            order by step_order
        ) as previous_step_users
    from counted
)

select
    account_key,
    campaign_id,
    funnel_kind,
    cast(step_order as bigint) as step_order,
    step_name,
    cast(step_users as bigint) as step_users,
    cast({{ pct('step_users', 'sent_users') }} as double) as ct_step_pct,
    cast({{ rate('step_users', 'previous_step_users') }} as double) as step_continuation_rate
from compared
