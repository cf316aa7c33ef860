{% set journey_sets = [[], ['journey_id'], ['journey_id', 'journey_version_id']] %}
{% set sets = [] %}
{% set step_sets = [] %}
{% set configured_sets = [] %}
{% for journey in journey_sets %}
    {% for channel in [[], ['channel']] %}
        {% do step_sets.append(['account_key', 'period_id'] + journey + channel) %}
        {% do configured_sets.append(['account_key'] + journey + channel) %}
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
    sets,
    by_period=true
) }},

periods as (
    {{ period_bases(['event', 'send_cohort']) }}
),

channel_visits as (
    select
        account_key,
        journey_id,
        journey_version_id,
        channel,
        user_key,
        visit_date
    from {{ ref('fct_node_visits') }}
    where not is_control and channel is not null
),

period_visits as (
    select
        channel_visits.*,
        periods.period_id
    from channel_visits
    inner join periods
        on
            channel_visits.account_key = periods.account_key
            and periods.date_basis = 'event'
            and {{ falls_in('periods', 'channel_visits.visit_date', 'channel_visits.visit_date') }}
),

channel_step_users as (
    select
        account_key,
        period_id,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        count(distinct user_key) as users_entered_channel_steps
    from period_visits
    group by {{ grouping_sets(step_sets) }}
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

all_groups as (
    select
        account_key,
        journey_id_group as journey_id,
        journey_version_id_group as journey_version_id,
        channel_group as channel,
        platform_group as platform
    from message_groups
    union
    select
        account_key,
        {{ all_when_rolled_up('journey_id') }} as journey_group,
        {{ all_when_rolled_up('journey_version_id') }} as version_group,
        {{ all_when_rolled_up('channel') }} as channel_group,
        'ALL' as platform_group
    from configured
    group by {{ grouping_sets(configured_sets) }}
),

groups as (
    select
        all_groups.*,
        periods.period_id,
        periods.period_from,
        periods.period_to,
        periods.date_basis
    from all_groups
    inner join periods
        on all_groups.account_key = periods.account_key
),

joined as (
    select
        groups.*,
        {{ message_measures_or_zero('message_measures') }},
        case when groups.platform = 'ALL' then coalesce(channel_step_users.users_entered_channel_steps, 0) end
            as users_entered_channel_steps
    from groups
    left join message_measures
        on
            groups.account_key = message_measures.account_key
            and groups.period_id = message_measures.period_id
            and groups.date_basis = message_measures.date_basis
            and groups.journey_id = message_measures.journey_id
            and groups.journey_version_id = message_measures.journey_version_id
            and groups.channel = message_measures.channel
            and groups.platform = message_measures.platform
    left join channel_step_users
        on
            groups.account_key = channel_step_users.account_key
            and groups.period_id = channel_step_users.period_id
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
    period_id,
    period_from,
    period_to,
    date_basis,
    {{ message_measure_columns('channel') }},
    cast(users_entered_channel_steps as bigint) as users_entered_channel_steps,
    cast({{ rate('delivery_issue_messages', 'users_entered_channel_steps') }} as double) as pw_delivery_issue_rate,
    cast({{ rate('delivery_issue_users', 'users_entered_channel_steps') }} as double) as delivery_issue_user_rate
from joined
