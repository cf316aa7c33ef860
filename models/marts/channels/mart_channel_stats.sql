{% set sets = [] %}
{% for journey in [[], ['journey_id'], ['journey_id', 'journey_version_id']] %}
    {% for channel in [[], ['channel']] %}
        {% for platform in [[], ['platform']] %}{% do sets.append(journey + channel + platform) %}{% endfor %}
    {% endfor %}
{% endfor %}
with {{ message_measure_ctes(
    [
        ('journey_id', "coalesce(messages.journey_id, 'none')"),
        ('journey_version_id', 'messages.journey_version_id'),
        ('channel', "coalesce(messages.channel, 'other')"),
        ('platform', 'messages.platform'),
    ],
    sets
) }},

channel_visits as (
    select
        account_key,
        journey_id,
        journey_version_id,
        channel,
        user_key
    from {{ ref('fct_node_visits') }}
    where not is_control and channel is not null
),

channel_step_users as (
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        count(distinct user_key) as users_entered_channel_steps
    from channel_visits
    group by {{ grouping_sets([
        ['account_key'],
        ['account_key', 'channel'],
        ['account_key', 'journey_id'],
        ['account_key', 'journey_id', 'channel'],
        ['account_key', 'journey_id', 'journey_version_id'],
        ['account_key', 'journey_id', 'journey_version_id', 'channel'],
    ]) }}
),

configured as (
    select distinct
        account_key,
        journey_id,
        journey_version_id,
        channel
    from {{ ref('stg_nodes') }}
    where channel is not null
    union
    select distinct
        account_key,
        journey_id,
        journey_version_id,
        channel
    from channel_visits
),

groups as (
    select
        account_key,
        journey_id,
        journey_version_id,
        channel,
        platform
    from message_measures
    union
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        'ALL' as platform_group
    from configured
    group by {{ grouping_sets([
        ['account_key'],
        ['account_key', 'channel'],
        ['account_key', 'journey_id'],
        ['account_key', 'journey_id', 'channel'],
        ['account_key', 'journey_id', 'journey_version_id'],
        ['account_key', 'journey_id', 'journey_version_id', 'channel'],
    ]) }}
),

joined as (
    select
        groups.account_key,
        groups.journey_id,
        groups.journey_version_id,
        groups.channel,
        groups.platform,
        {{ message_measures_or_zero('message_measures') }},
        case when groups.platform = 'ALL' then coalesce(channel_step_users.users_entered_channel_steps, 0) end
            as users_entered_channel_steps
    from groups
    left join message_measures
        on
            groups.account_key = message_measures.account_key
            and groups.journey_id = message_measures.journey_id
            and groups.journey_version_id = message_measures.journey_version_id
            and groups.channel = message_measures.channel
            and groups.platform = message_measures.platform
    left join channel_step_users
        on
            groups.account_key = channel_step_users.account_key
            and groups.journey_id = channel_step_users.journey_group
            and groups.journey_version_id = channel_step_users.version_group
            and groups.channel = channel_step_users.channel_group
)

select
    account_key,
    journey_id,
    journey_version_id,
    channel,
    platform,
    {{ message_measure_columns('channel') }},
    cast(users_entered_channel_steps as bigint) as users_entered_channel_steps,
    cast({{ rate('delivery_issue_messages', 'users_entered_channel_steps') }} as double) as pw_delivery_issue_rate,
    cast({{ rate('delivery_issue_users', 'users_entered_channel_steps') }} as double) as delivery_issue_user_rate
from joined
