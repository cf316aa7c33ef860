{# SQL of a staged column with its default. #}
{% macro landing_default(table, name) %}
    {% set columns = contract_tables()[table]['columns'] | map(attribute=0) | list %}
    {% set defaults = {
        'source_system': [sql_text(var('default_source_system'))],
        'source_account': [sql_text(var('default_source_account'))],
        'batch_id': [] if 'batch_id' in columns else ['landing__name'],
        'received_at': ['landing__received_at'] + (['occurred_at'] if 'occurred_at' in columns else []),
        'loaded_at': ['landing__modified_at'],
        'schema_version': ["'1.0'"],
        'event_id': ['source_record_id', content_event_id(columns)],
    } %}
    {% if not defaults.get(name) %}{% do return(name) %}{% endif %}
    {% do return('coalesce(' ~ name ~ ', ' ~ (defaults[name] | join(', ')) ~ ')') %}
{% endmacro %}


{# SQL of the account of a row: ids are unique inside it. #}
{% macro landing_account_key() %}
    {% do return(
        "coalesce(source_system, " ~ sql_text(var('default_source_system')) ~ ") || '/' || "
        ~ "coalesce(source_account, " ~ sql_text(var('default_source_account')) ~ ")"
    ) %}
{% endmacro %}


{#
    SQL of the id of a usable event that has none (R2): two deliveries of it get the same. What R2 calls its message is, for
    a row that names none, what such a message is told by: dispatch and endpoint.
#}
{% macro content_event_id(columns) %}
    {% set content = [
        'event_type', 'event_name', 'user_id', 'journey_entry_id', 'node_id', 'message', 'link_id'
    ] %}
    {% set message = "message_id, coalesce(dispatch_id, '') || chr(31) || coalesce(endpoint_id, '')" %}
    {% set parts = [] %}
    {% for name in content if name in columns or (name == 'message' and 'message_id' in columns) %}
        {% do parts.append("coalesce(" ~ (message if name == 'message' else name ~ ", ''") ~ ")") %}
    {% endfor %}
    {% do parts.append("coalesce(cast(" ~ epoch_us('occurred_at') ~ " as string), '')") %}
    {% do return(
        "case when reject_reason is null then 'hash:' || md5(" ~ landing_account_key() ~ " || chr(31) || "
        ~ (parts | join(" || chr(31) || ")) ~ ") end"
    ) %}
{% endmacro %}
