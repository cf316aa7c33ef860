{% set sums = [
    'messages_attempted', 'messages_accepted', 'messages_failed', 'messages_skipped', 'messages_delivered',
    'impressions_total', 'opens_total', 'clicks_total'
] %}
{% set flags = {
    'messages_attempted': 'is_attempted', 'messages_accepted': 'is_accepted', 'messages_failed': 'is_failed',
    'messages_skipped': 'is_skipped', 'messages_delivered': 'is_delivered'
} %}
{% set types = {'impressions_total': 'impression', 'opens_total': 'opened', 'clicks_total': 'clicked'} %}
with dated as (
    select
        account_key,
        coalesce(campaign_id, 'none') as campaign_id,
        coalesce(channel, 'other') as channel,
        message_date as date_day,
        reporting_timezone,
        user_key,
        {% for name in sums -%}
        case when {{ flags.get(name, 'false') }} then 1 else 0 end as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_messages') }}
    where not is_control
    union all
    select
        account_key,
        coalesce(campaign_id, 'none') as campaign_id,
        coalesce(channel, 'other') as channel,
        event_date as date_day,
        reporting_timezone,
        user_key,
        {% for name in sums -%}
        case when event_type = '{{ types.get(name, 'none') }}' then 1 else 0 end
            as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_message_events') }}
    where not is_control and event_type in ('impression', 'opened', 'clicked')
),

user_days as (
    select
        account_key,
        campaign_id,
        channel,
        date_day,
        reporting_timezone,
        user_key,
        {% for name in sums %}sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from dated
    group by account_key, campaign_id, channel, date_day, reporting_timezone, user_key
),

bucketed as (
    {% for grain in ['day', 'week', 'month'] %}
    {% if not loop.first %}union all{% endif %}
    select
        account_key,
        campaign_id,
        channel,
        '{{ grain }}' as bucket_grain,
        cast({{ dbt.date_trunc(grain, 'date_day') }} as date) as bucket_start,
        reporting_timezone,
        user_key,
        {{ sums | join(', ') }}
    from user_days
    {% endfor %}
),

user_sums as (
    select
        account_key,
        {{ all_when_rolled_up('campaign_id') }} as campaign_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        bucket_grain,
        bucket_start,
        reporting_timezone,
        user_key,
        {% for name in sums %}sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from bucketed
    group by {{ grouping_sets([
        ['account_key', 'bucket_grain', 'bucket_start', 'reporting_timezone', 'user_key'],
        ['account_key', 'channel', 'bucket_grain', 'bucket_start', 'reporting_timezone', 'user_key'],
        ['account_key', 'campaign_id', 'bucket_grain', 'bucket_start', 'reporting_timezone', 'user_key'],
    ]) }}
)

select
    account_key,
    campaign_group as campaign_id,
    channel_group as channel,
    bucket_grain,
    bucket_start,
    reporting_timezone,
    'event' as date_basis,
    {% for name in sums %}cast(sum({{ name }}) as bigint) as {{ name }},
    {% endfor -%}
    cast(count(case when messages_accepted > 0 then 1 end) as bigint) as users_accepted,
    cast(count(case when opens_total > 0 then 1 end) as bigint) as users_opened,
    cast(count(case when clicks_total > 0 then 1 end) as bigint) as users_clicked
from user_sums
group by account_key, campaign_group, channel_group, bucket_grain, bucket_start, reporting_timezone
