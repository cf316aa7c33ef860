{{ rebuilt_by('conversion_pair') }}

with first_conversions as (
    select *
    from {{ touched(ref('fct_conversions'), 'conversion_pair') }} as conversions
    where is_first_conversion and not is_control
),

last_opens as (
    select
        first_conversions.account_key,
        first_conversions.journey_id,
        first_conversions.goal_id,
        first_conversions.event_id,
        opens.message_id,
        max(opens.occurred_at) as opened_at
    from first_conversions
    inner join {{ ref('fct_message_events') }} as opens
        on
            first_conversions.account_key = opens.account_key
            and first_conversions.journey_entry_id = opens.journey_entry_id
            and opens.event_type = 'opened'
            and first_conversions.occurred_at >= opens.occurred_at
    group by
        first_conversions.account_key, first_conversions.journey_id, first_conversions.goal_id,
        first_conversions.event_id, opens.message_id
),

candidates as (
    select
        first_conversions.*,
        messages.message_id,
        messages.node_id,
        messages.channel,
        messages.campaign_id,
        messages.sent_at,
        messages.message_date,
        last_opens.opened_at,
        count(*) over (
            partition by
                first_conversions.account_key, first_conversions.journey_id, first_conversions.goal_id,
                first_conversions.event_id
        ) as candidates_total,
        row_number() over (
            partition by
                first_conversions.account_key, first_conversions.journey_id, first_conversions.goal_id,
                first_conversions.event_id
            order by messages.sent_at desc, messages.message_id desc
        ) as last_sent_order,
        row_number() over (
            partition by
                first_conversions.account_key, first_conversions.journey_id, first_conversions.goal_id,
                first_conversions.event_id
            order by messages.sent_at asc, messages.message_id desc
        ) as first_sent_order,
        row_number() over (
            partition by
                first_conversions.account_key, first_conversions.journey_id, first_conversions.goal_id,
                first_conversions.event_id
            order by last_opens.opened_at desc nulls last, messages.sent_at desc, messages.message_id desc
        ) as last_opened_order
    from first_conversions
    inner join {{ ref('fct_messages') }} as messages
        on
            first_conversions.account_key = messages.account_key
            and first_conversions.journey_entry_id = messages.journey_entry_id
            and messages.is_accepted
            and first_conversions.occurred_at >= messages.sent_at
    left join last_opens
        on
            first_conversions.account_key = last_opens.account_key
            and first_conversions.journey_id = last_opens.journey_id
            and first_conversions.goal_id = last_opens.goal_id
            and first_conversions.event_id = last_opens.event_id
            and messages.message_id = last_opens.message_id
),

models as (
    select *
    from (
        values ('last_opened_else_sent'), ('last_sent'), ('first_sent'), ('linear_sent')
    ) as models (attribution_model)
),

credits as (
    select
        candidates.*,
        models.attribution_model,
        case
            when models.attribution_model = 'linear_sent' then cast(1 as double) / candidates.candidates_total
            when models.attribution_model = 'last_sent' and candidates.last_sent_order = 1 then 1.0
            when models.attribution_model = 'first_sent' and candidates.first_sent_order = 1 then 1.0
            when models.attribution_model = 'last_opened_else_sent' and candidates.last_opened_order = 1 then 1.0
        end as credit
    from candidates
    cross join models
)

select
    first_conversions.account_key,
    first_conversions.journey_id,
    first_conversions.goal_id,
    first_conversions.event_id,
    models.attribution_model,
    coalesce(credits.message_id, 'unattributed') as message_id,
    first_conversions.journey_entry_id,
    first_conversions.journey_version_id,
    first_conversions.user_key,
    case
        when credits.message_id is null then 'unattributed' else coalesce(credits.node_id, 'none')
    end as node_id,
    credits.campaign_id,
    credits.channel,
    cast(coalesce(credits.credit, 1) as double) as credit,
    first_conversions.is_headline_goal,
    first_conversions.conversion_date,
    first_conversions.reporting_timezone,
    credits.message_date,
    credits.sent_at,
    credits.opened_at,
    first_conversions.occurred_at
from first_conversions
cross join models
left join credits
    on
        first_conversions.account_key = credits.account_key
        and first_conversions.journey_id = credits.journey_id
        and first_conversions.goal_id = credits.goal_id
        and first_conversions.event_id = credits.event_id
        and models.attribution_model = credits.attribution_model
        and credits.credit is not null
