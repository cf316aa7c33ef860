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
    {% for kind in ['users', 'influenced'] %}
    select
        account_key,
        campaign_id,
        '{{ kind }}' as funnel_kind,
        1 as step_order,
        user_key
    from sent
    union all
    select
        account_key,
        campaign_id,
        '{{ kind }}' as funnel_kind,
        2 as step_order,
        user_key
    from viewed
    union all
    {% endfor %}
    select
        account_key,
        campaign_id,
        'users' as funnel_kind,
        3 as step_order,
        user_key
    from clicked
    union all
    select
        clicked.account_key,
        clicked.campaign_id,
        'users' as funnel_kind,
        4 as step_order,
        clicked.user_key
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
        'influenced' as funnel_kind,
        3 as step_order,
        viewed.user_key
    from viewed
    inner join {{ ref('int_campaign_conversions') }} as conversions
        on
            viewed.account_key = conversions.account_key
            and viewed.message_id = conversions.message_id
            and viewed.viewed_at <= conversions.converted_at
),

step_users as (
    select
        account_key,
        campaign_id,
        funnel_kind,
        step_order,
        count(distinct user_key) as step_users
    from steps
    group by account_key, campaign_id, funnel_kind, step_order
),

-- A step nobody reached keeps its row.
step_names as (
    select *
    from (
        values
        ('users', 1, 'sent'), ('users', 2, 'viewed'), ('users', 3, 'clicked'), ('users', 4, 'converted'),
        ('influenced', 1, 'sent'), ('influenced', 2, 'viewed'), ('influenced', 3, 'converted')
    ) as step_names (funnel_kind, step_order, step_name)
),

counted as (
    select
        campaigns.account_key,
        campaigns.campaign_id,
        step_names.funnel_kind,
        step_names.step_order,
        step_names.step_name,
        coalesce(step_users.step_users, 0) as step_users
    from {{ ref('dim_campaign') }} as campaigns
    cross join step_names
    left join step_users
        on
            campaigns.account_key = step_users.account_key
            and campaigns.campaign_id = step_users.campaign_id
            and step_names.funnel_kind = step_users.funnel_kind
            and step_names.step_order = step_users.step_order
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
