{# Known values of a contract enum; anything else is kept in <column>_raw, mapped to 'other' and counted. #}
{% macro vocabulary(name) %}
    {% do return({
        'journey_event_type': [
            'qualified', 'control_assigned', 'journey_entered', 'node_entered', 'node_exited', 'version_migrated',
            'branch_taken', 'step_error', 'journey_exited'
        ],
        'message_event_type': [
            'queued', 'attempted', 'sent', 'failed', 'skipped', 'delivered', 'bounced', 'deferred', 'impression',
            'opened', 'clicked', 'dismissed', 'read', 'replied', 'unsubscribed', 'resubscribed', 'complained', 'streamed'
        ],
        'channel': [
            'push', 'web_push', 'email', 'sms', 'rcs', 'whatsapp', 'in_app', 'app_inbox', 'content_card', 'webhook',
            'line', 'viber', 'telegram', 'banner', 'other'
        ],
        'platform': [
            'android', 'ios', 'web', 'windows', 'macos', 'huawei', 'tvos', 'roku', 'kindle', 'other', 'unknown'
        ],
        'node_type': [
            'entry', 'message', 'delay', 'wait_event', 'condition', 'split', 'experiment', 'webhook', 'update_profile',
            'goal', 'exit', 'force_exit', 'custom'
        ],
        'journey_type': ['trigger_based', 'audience_based', 'api_triggered', 'recurring', 'other'],
        'journey_status': [
            'draft', 'scheduled', 'active', 'paused', 'finished', 'stopped', 'archived', 'other'
        ],
    }[name]) %}
{% endmacro %}


{# The value in lower case when the vocabulary knows it, null when it is null, else 'other'. #}
{% macro map_vocabulary(column, name) -%}
    case
        when {{ column }} is null then null
        when lower({{ column }}) in ('{{ vocabulary(name) | join("', '") }}') then lower({{ column }})
        else 'other'
    end
{%- endmacro %}
