{% set channel_figures = [
    ('pw_push_sends', 'push', 'messages_attempted'),
    ('push_recipients', 'push', 'messages_accepted'),
    ('push_opened', 'push', 'messages_opened'),
    ('pw_email_sends', 'email', 'messages_attempted'),
    ('email_recipients', 'email', 'messages_accepted'),
    ('email_users_clicked', 'email', 'users_clicked'),
    ('pw_email_clicks_total', 'email', 'clicks_total'),
    ('pw_email_unsubscribes', 'email', 'users_unsubscribed'),
    ('pw_sms_sends', 'sms', 'messages_attempted'),
    ('pw_sms_deliveries', 'sms', 'messages_delivered'),
    ('pw_whatsapp_sends', 'whatsapp', 'messages_attempted'),
    ('pw_whatsapp_opens', 'whatsapp', 'messages_read'),
    ('pw_inapp_shows', 'in_app', 'impressions_total'),
    ('pw_inapp_interaction_users', 'in_app', 'users_clicked'),
    ('pw_inapp_skips', 'in_app', 'users_skipped_in_app'),
    ('users_no_interaction', 'in_app', 'users_no_interaction'),
] %}
with channels as (
    select
        *,
        -- A click on a push is its direct open; the e-mail figure counts recipients (A37).
        case channel
            when 'push' then messages_opened
            when 'email' then users_clicked
            else messages_clicked
        end as clicked
    from {{ ref('mart_channel_stats') }}
    where journey_version_id = 'ALL' and platform = 'ALL' and channel <> 'ALL' and date_basis = 'event'
),

click_counts as (
    select
        channels.account_key,
        channels.journey_id,
        channels.period_id,
        channels.channel,
        channels.messages_accepted as accepted,
        case when tracking.tracks_click_rate then channels.clicked end as clicked
    from channels
    left join {{ ref('int_channel_tracking') }} as tracking
        on channels.account_key = tracking.account_key and channels.channel = tracking.channel
    where channels.journey_id <> 'ALL'
),

click_rates as (
    {{ average_click_rate('click_counts', ['account_key', 'journey_id', 'period_id']) | indent(4) }}
),

averages as (
    select
        account_key,
        journey_id,
        period_id,
        max(avg_ctr_unweighted) as avg_ctr_unweighted,
        max(avg_ctr_pooled) as avg_ctr_pooled
    from click_rates
    group by account_key, journey_id, period_id
),

figures as (
    select
        account_key,
        journey_id,
        period_id,
        {% for name, channel, measure in channel_figures -%}
        sum(case when channel = '{{ channel }}' then {{ measure }} else 0 end)
            as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from channels
    group by account_key, journey_id, period_id
),

joined as (
    select
        overview.account_key,
        overview.journey_id,
        overview.period_id,
        overview.period_from,
        overview.period_to,
        overview.as_of,
        overview.journey_name as title,
        overview.journey_status as status,
        journeys.created_at,
        overview.category,
        overview.journey_type,
        overview.total_entries as pw_total_reach,
        overview.pw_unique_users_messaged as pw_unique_users,
        overview.unique_entry_users,
        overview.users_in_journey_now as pw_users_inside,
        overview.pw_csv_drop_off,
        overview.messages_attempted as pw_total_sends,
        averages.avg_ctr_unweighted,
        averages.avg_ctr_pooled,
        overview.goals_users_any as pw_goals,
        overview.goals_users_sum,
        {% for name, channel, measure in channel_figures -%}
        coalesce(figures.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('mart_journey_overview') }} as overview
    inner join {{ ref('dim_journey') }} as journeys
        on overview.account_key = journeys.account_key and overview.journey_id = journeys.journey_id
    left join figures
        on
            overview.account_key = figures.account_key
            and overview.journey_id = figures.journey_id
            and overview.period_id = figures.period_id
    left join averages
        on
            overview.account_key = averages.account_key
            and overview.journey_id = averages.journey_id
            and overview.period_id = averages.period_id
    where overview.journey_version_id = 'ALL'
)

select
    account_key,
    journey_id,
    period_id,
    period_from,
    period_to,
    'event' as date_basis,
    as_of,
    title,
    status,
    created_at,
    category,
    journey_type,
    cast(pw_total_reach as bigint) as pw_total_reach,
    cast(pw_unique_users as bigint) as pw_unique_users,
    cast(unique_entry_users as bigint) as unique_entry_users,
    cast(pw_users_inside as bigint) as pw_users_inside,
    cast(pw_csv_drop_off as bigint) as pw_csv_drop_off,
    cast(pw_total_sends as bigint) as pw_total_sends,
    cast(100 * avg_ctr_unweighted as double) as pw_avg_ctr_pct,
    cast(100 * avg_ctr_pooled as double) as avg_ctr_pooled_pct,
    cast(pw_goals as bigint) as pw_goals,
    cast(goals_users_sum as bigint) as goals_users_sum,
    cast(pw_push_sends as bigint) as pw_push_sends,
    cast({{ pct('push_opened', 'push_recipients') }} as double) as pw_push_ctr_pct,
    cast(pw_email_sends as bigint) as pw_email_sends,
    cast({{ pct('email_users_clicked', 'email_recipients') }} as double) as pw_email_ctr_pct,
    cast(pw_email_clicks_total as bigint) as pw_email_clicks_total,
    cast(pw_email_unsubscribes as bigint) as pw_email_unsubscribes,
    cast(pw_sms_sends as bigint) as pw_sms_sends,
    cast(pw_sms_deliveries as bigint) as pw_sms_deliveries,
    cast(pw_whatsapp_sends as bigint) as pw_whatsapp_sends,
    cast(pw_whatsapp_opens as bigint) as pw_whatsapp_opens,
    cast(pw_inapp_shows as bigint) as pw_inapp_shows,
    cast(pw_inapp_interaction_users as bigint) as pw_inapp_interaction_users,
    cast(pw_inapp_skips as bigint) as pw_inapp_skips,
    cast(users_no_interaction as bigint) as users_no_interaction
from joined
