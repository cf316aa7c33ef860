{# Lower end, upper end and name of each bucket. #}
{% set buckets = [
    (1, 1, '1'), (2, 2, '2'), (3, 3, '3'), (4, 5, '4-5'), (6, 10, '6-10'), (11, 20, '11-20'),
    (21, none, '21+')
] %}
with received as (
    select
        account_key,
        coalesce(channel, 'other') as channel,
        user_key
    from {{ ref('fct_messages') }}
    where is_accepted and not is_control
),

user_messages as (
    select
        account_key,
        {{ all_when_rolled_up('channel') }} as channel_group,
        user_key,
        count(*) as messages_accepted
    from received
    group by {{ grouping_sets([['account_key', 'user_key'], ['account_key', 'channel', 'user_key']]) }}
),

converted as (
    select distinct
        account_key,
        user_key
    from {{ ref('fct_conversions') }}
    where is_first_conversion and is_headline_goal and not is_control
),

bucketed as (
    select
        user_messages.account_key,
        user_messages.channel_group,
        user_messages.messages_accepted,
        converted.user_key is not null as is_converted,
        case
            {% for low, high, name in buckets if high is not none -%}
            when user_messages.messages_accepted <= {{ high }} then {{ low }}
            {% endfor -%}
            else {{ buckets[-1][0] }}
        end as messages_from
    from user_messages
    left join converted
        on user_messages.account_key = converted.account_key and user_messages.user_key = converted.user_key
)

select
    account_key,
    channel_group as channel,
    case messages_from
        {% for low, high, name in buckets -%}
        when {{ low }} then '{{ name }}'
        {% endfor -%}
    end as messages_bucket,
    cast(messages_from as bigint) as messages_from,
    cast(count(*) as bigint) as users,
    cast(sum(messages_accepted) as bigint) as messages_accepted,
    cast(count(case when is_converted then 1 end) as bigint) as converted_users,
    cast({{ rate('count(case when is_converted then 1 end)', 'count(*)') }} as double) as converted_user_rate
from bucketed
group by account_key, channel_group, messages_from
