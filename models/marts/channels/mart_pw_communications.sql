{# Column, channel, measure of mart_channel_stats, denominator of a percentage. #}
{% set figures = [
    ('pw_push_sent', 'push', 'messages_attempted', none),
    ('pw_push_recipients', 'push', 'messages_accepted', none),
    ('pw_push_opened', 'push', 'messages_opened', none),
    ('pw_push_open_rate_pct', 'push', 'messages_opened', 'messages_accepted'),
    ('pw_push_delivery_issues', 'push', 'delivery_issue_messages', none),
    ('pw_push_delivery_issues_rate_pct', 'push', 'delivery_issue_messages', 'users_entered_channel_steps'),
    ('pw_inapp_impressions', 'in_app', 'impressions_total', none),
    ('pw_inapp_interactions', 'in_app', 'interactions_total', none),
    ('pw_inapp_interaction_rate_pct', 'in_app', 'interactions_total', 'impressions_total'),
    ('pw_inapp_delivery_issues', 'in_app', 'delivery_issue_messages', none),
    ('pw_inapp_delivery_issues_rate_pct', 'in_app', 'delivery_issue_messages', 'users_entered_channel_steps'),
    ('pw_email_sent', 'email', 'messages_attempted', none),
    ('pw_email_delivered', 'email', 'messages_delivered', none),
    ('pw_email_delivery_rate_pct', 'email', 'messages_delivered', 'messages_accepted'),
    ('pw_email_unique_delivered', 'email', 'users_delivered', none),
    ('pw_email_unique_delivered_rate_pct', 'email', 'users_delivered', 'messages_accepted'),
    ('pw_email_opened_unique', 'email', 'users_opened', none),
    ('pw_email_opened_unique_human', 'email', 'users_opened_human', none),
    ('pw_email_opened_unique_rate_pct', 'email', 'users_opened', 'messages_accepted'),
    ('pw_email_clicked', 'email', 'users_clicked', none),
    ('pw_email_click_rate_pct', 'email', 'users_clicked', 'messages_accepted'),
    ('pw_email_click_rate_link_clicks_pct', 'email', 'clicks_total', 'messages_accepted'),
    ('pw_email_unsubscribed', 'email', 'users_unsubscribed', none),
    ('pw_email_unsubscribed_rate_pct', 'email', 'users_unsubscribed', 'messages_accepted'),
    ('pw_email_hard_bounces', 'email', 'messages_bounced_hard', none),
    ('pw_email_hard_bounces_rate_pct', 'email', 'messages_bounced_hard', 'messages_accepted'),
    ('pw_email_soft_bounces', 'email', 'messages_bounced_soft', none),
    ('pw_email_soft_bounces_rate_pct', 'email', 'messages_bounced_soft', 'messages_accepted'),
    ('pw_email_complaints', 'email', 'users_complained', none),
    ('pw_email_complaints_rate_pct', 'email', 'users_complained', 'messages_accepted'),
    ('pw_email_delivery_issues', 'email', 'delivery_issue_messages', none),
    ('pw_email_delivery_issues_rate_pct', 'email', 'delivery_issue_messages', 'users_entered_channel_steps'),
    ('pw_sms_sent', 'sms', 'messages_attempted', none),
    ('pw_sms_delivered', 'sms', 'messages_delivered', none),
    ('pw_sms_delivery_rate_pct', 'sms', 'messages_delivered', 'messages_attempted'),
    ('pw_sms_delivery_issues', 'sms', 'delivery_issue_messages', none),
    ('pw_sms_delivery_issues_rate_pct', 'sms', 'delivery_issue_messages', 'users_entered_channel_steps'),
    ('pw_whatsapp_sent', 'whatsapp', 'messages_attempted', none),
    ('pw_whatsapp_delivered', 'whatsapp', 'messages_delivered', none),
    ('pw_whatsapp_delivered_rate_pct', 'whatsapp', 'messages_delivered', 'messages_accepted'),
    ('pw_whatsapp_read', 'whatsapp', 'messages_read', none),
    ('pw_whatsapp_read_rate_pct', 'whatsapp', 'messages_read', 'messages_accepted'),
    ('pw_whatsapp_delivery_issues', 'whatsapp', 'delivery_issue_messages', none),
    ('pw_whatsapp_delivery_issues_rate_pct', 'whatsapp', 'delivery_issue_messages', 'users_entered_channel_steps'),
] %}
with channels as (
    select *
    from {{ ref('mart_channel_stats') }}
    where platform = 'ALL'
),

-- The grain of the page: one row over all channels, with or without messages.
pages as (
    select
        account_key,
        journey_id,
        journey_version_id,
        period_id,
        period_from,
        period_to,
        date_basis
    from channels
    where channel = 'ALL'
)

select
    pages.account_key,
    pages.journey_id,
    pages.journey_version_id,
    pages.period_id,
    pages.period_from,
    pages.period_to,
    pages.date_basis,
    {% for name, channel, measure, denominator in figures -%}
    {% if denominator is none -%}
    cast(coalesce({{ channel }}.{{ measure }}, 0) as bigint) as {{ name }}
    {%- else -%}
    cast({{ pct(channel ~ '.' ~ measure, channel ~ '.' ~ denominator) }} as double) as {{ name }}
    {%- endif %}{{ ',' if not loop.last }}
    {% endfor %}
from pages
{% for channel in ['push', 'in_app', 'email', 'sms', 'whatsapp'] -%}
left join channels as {{ channel }}
    on
        pages.account_key = {{ channel }}.account_key
        and pages.journey_id = {{ channel }}.journey_id
        and pages.journey_version_id = {{ channel }}.journey_version_id
        and pages.period_id = {{ channel }}.period_id
        and pages.date_basis = {{ channel }}.date_basis
        and {{ channel }}.channel = '{{ channel }}'
{% endfor %}
