{{ rebuilt_by('conversion_message') }}

-- A conversion of the message's user after an accepted send, with or without a journey entry (A08, F23).
with messages as (
    select
        messages.*,
        settings.primary_goal_id,
        settings.conversion_boundary,
        coalesce(campaigns.campaign_conversion_seconds, settings.campaign_conversion_seconds) * 1000000 as window_us
    from {{ touched(ref('fct_messages'), 'conversion_message') }} as messages
    inner join {{ ref('stg_settings') }} as settings
        on messages.account_key = settings.account_key
    left join {{ ref('dim_campaign') }} as campaigns
        on messages.account_key = campaigns.account_key and messages.campaign_id = campaigns.campaign_id
    where messages.is_accepted and not messages.is_control and messages.campaign_id is not null
),

goals as (
    select *
    from {{ ref('int_goal_versions') }}
    where is_headline_goal
),

message_goals as (
    select
        messages.*,
        goals.condition_key,
        goals.goal_id,
        goals.journey_id as goal_journey_id,
        goals.value_property,
        goals.currency_property
    from messages
    inner join goals
        on
            messages.account_key = goals.account_key
            -- One configured primary goal judges every campaign; otherwise each message its own journey's.
            and (messages.primary_goal_id is not null or messages.journey_id = goals.journey_id)
            and (goals.valid_from is null or messages.sent_at >= goals.valid_from)
            and (goals.valid_to is null or messages.sent_at < goals.valid_to)
),

converted as (
    select
        message_goals.*,
        matched.event_id as conversion_event_id,
        matched.occurred_at as converted_at,
        matched.value as event_value,
        matched.currency as event_currency,
        matched.properties,
        -- Of the journeys that define the one goal, the message's own says what the event is worth, else the first by id.
        row_number() over (
            partition by message_goals.account_key, message_goals.message_id, matched.event_id
            order by
                case when message_goals.goal_journey_id = message_goals.journey_id then 0 else 1 end,
                message_goals.goal_journey_id
        ) as definition_rank
    from message_goals
    inner join {{ ref('int_goal_events_matched') }} as matched
        on
            message_goals.account_key = matched.account_key
            and message_goals.condition_key = matched.condition_key
            and message_goals.user_key = matched.user_key
            and message_goals.sent_at <= matched.occurred_at
    where
        {{ epoch_us('matched.occurred_at') }} - {{ epoch_us('message_goals.sent_at') }} < message_goals.window_us
        or (
            message_goals.conversion_boundary = 'inclusive'
            and {{ epoch_us('matched.occurred_at') }} - {{ epoch_us('message_goals.sent_at') }}
            = message_goals.window_us
        )
)

select
    account_key,
    message_id,
    conversion_event_id,
    campaign_id,
    variant_id,
    journey_id,
    node_id,
    channel,
    goal_id,
    user_key,
    coalesce(
        case channel when 'email' then first_opened_at when 'whatsapp' then first_read_at else first_impression_at end
        <= converted_at,
        false
    ) as is_view_through,
    coalesce(first_clicked_at <= converted_at, false) as is_click_through,
    message_date,
    {{ local_date('converted_at', 'reporting_timezone') }} as conversion_date,
    sent_at,
    converted_at,
    {{ conversion_value('event_value') }} as value,
    {{ conversion_currency('event_currency') }} as currency
from converted
where definition_rank = 1
