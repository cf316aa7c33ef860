{% set other_platforms = 'steps.measure - coalesce(android.measure, 0) - coalesce(ios.measure, 0)' %}
{# Column, channel of the steps that have it (all: every step), expression. #}
{% set figures = [
    ('nm_step_entry_count', 'all', 'steps.entry_count'),
    ('nm_step_entry_user_count', 'all', 'steps.entry_users'),
    ('nm_push_entry_count', 'push', 'steps.entry_count'),
    ('nm_push_entry_user_count', 'push', 'steps.entry_users'),
    ('nm_push_sent_count', 'push', 'steps.messages_accepted'),
    ('nm_push_failed_count', 'push', 'steps.messages_failed'),
    ('nm_push_clicked_count', 'push', 'steps.clicks_total'),
    ('nm_android_sent_count', 'push', 'coalesce(android.messages_accepted, 0)'),
    ('nm_android_failed_count', 'push', 'coalesce(android.messages_failed, 0)'),
    ('nm_android_clicked_count', 'push', 'coalesce(android.clicks_total, 0)'),
    ('nm_ios_sent_count', 'push', 'coalesce(ios.messages_accepted, 0)'),
    ('nm_ios_failed_count', 'push', 'coalesce(ios.messages_failed, 0)'),
    ('nm_ios_clicked_count', 'push', 'coalesce(ios.clicks_total, 0)'),
    ('nm_other_platform_sent_count', 'push', other_platforms | replace('measure', 'messages_accepted')),
    ('nm_other_platform_failed_count', 'push', other_platforms | replace('measure', 'messages_failed')),
    ('nm_other_platform_clicked_count', 'push', other_platforms | replace('measure', 'clicks_total')),
    ('nm_email_entry_count', 'email', 'steps.entry_count'),
    ('nm_email_entry_user_count', 'email', 'steps.entry_users'),
    ('nm_email_sent_count', 'email', 'steps.messages_accepted'),
    ('nm_email_failed_count', 'email', 'steps.messages_failed'),
    ('nm_email_shown_count', 'email', 'steps.opens_total'),
    ('nm_email_shown_count_human', 'email', 'steps.opens_total_human'),
    ('nm_email_clicked_count', 'email', 'steps.clicks_total'),
    ('nm_sms_entry_user_count', 'sms', 'steps.entry_users'),
    ('nm_sms_sent_count', 'sms', 'steps.messages_accepted'),
    ('nm_sms_failed_count', 'sms', 'steps.messages_failed'),
    ('nm_inapp_entry_user_count', 'in_app', 'steps.entry_users'),
] %}
with platforms as (
    select *
    from {{ ref('mart_step_stats') }}
)

select
    steps.account_key,
    steps.journey_id,
    steps.journey_version_id,
    steps.node_id,
    steps.node_name,
    steps.node_type,
    steps.channel,
    steps.messages_accepted > 0 as has_campaign_report,
    {% for name, channel, expression in figures -%}
    cast(
        {%- if channel == 'all' %} {{ expression }}
        {%- else %} case when steps.channel = '{{ channel }}' then {{ expression }} end
        {%- endif %} as bigint
    ) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from platforms as steps
{% for platform in ['android', 'ios'] -%}
left join platforms as {{ platform }}
    on
        steps.account_key = {{ platform }}.account_key
        and steps.journey_id = {{ platform }}.journey_id
        and steps.journey_version_id = {{ platform }}.journey_version_id
        and steps.node_id = {{ platform }}.node_id
        and {{ platform }}.platform = '{{ platform }}'
{% endfor -%}
where steps.platform = 'ALL'
