{# SQL of the id of a message: the one given, else one made of what a row of it names. #}
{% macro message_id_or_hash() -%}
    coalesce(
        message_id,
        'hash:' || md5(
            coalesce(dispatch_id, 'entry:' || coalesce(journey_entry_id, user_key) || ':' || coalesce(node_id, ''))
            || '|' || coalesce(journey_id, '') || '|' || coalesce(campaign_id, '')
            || '|' || coalesce(channel, '') || '|' || coalesce(endpoint_id, user_key)
        )
    )
{%- endmacro %}
