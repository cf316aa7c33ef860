with sends as (
    select
        account_key,
        coalesce(journey_id, 'none') as journey_id,
        channel,
        message_date as date_day,
        reporting_timezone,
        opens_total,
        clicks_total
    from {{ ref('fct_messages') }}
    where is_accepted and not is_control
),

cohorts as (
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        date_day,
        reporting_timezone,
        count(*) as messages_accepted,
        count(case when opens_total > 0 then 1 end) as messages_opened,
        count(case when clicks_total > 0 then 1 end) as messages_clicked
    from sends
    group by {{ grouping_sets([
        ['account_key', 'date_day', 'reporting_timezone'],
        ['account_key', 'channel', 'date_day', 'reporting_timezone'],
        ['account_key', 'journey_id', 'date_day', 'reporting_timezone'],
        ['account_key', 'journey_id', 'channel', 'date_day', 'reporting_timezone'],
    ]) }}
)

select
    account_key,
    journey_group as journey_id,
    channel_group as channel,
    date_day,
    reporting_timezone,
    'send_cohort' as date_basis,
    cast(messages_accepted as bigint) as messages_accepted,
    cast(messages_opened as bigint) as messages_opened,
    cast(messages_clicked as bigint) as messages_clicked,
    cast({{ rate('messages_opened', 'messages_accepted') }} as double) as open_rate,
    cast({{ rate('messages_clicked', 'messages_accepted') }} as double) as click_rate
from cohorts
