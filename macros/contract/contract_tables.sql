{#
    The event contract as data: every raw table with its columns in order.

    Returns: {table: {'required': bool, 'columns': [(name, type, rule), ...]}}
      type  string | bigint | double | decimal(38,9) | boolean | timestamp | json (text that must parse as JSON)
      rule  'required'      a row without it is rejected, a table without it stops the run
            'required_column'  a table without it stops the run, a row without it is usable
            'required_by_node_entered'  a node_entered row without it is rejected: it enters no step
            'required_by_link'  as 'required', but an unlink may do without it
            'non_negative'  a negative value rejects the row
            ''              optional
    The envelope columns (contract_envelope) follow in every table.
#}
{% macro contract_tables() %}
    {% do return({
        'journeys': {'required': false, 'columns': [
            ('journey_id', 'string', 'required'), ('journey_name', 'string', ''), ('journey_type', 'string', ''),
            ('category', 'string', ''), ('status', 'string', ''), ('reentry_policy', 'string', ''),
            ('reentry_cooldown_seconds', 'bigint', 'non_negative'), ('created_at', 'timestamp', ''),
            ('launched_at', 'timestamp', ''), ('stopped_at', 'timestamp', ''), ('timezone', 'string', ''),
            ('tags', 'json', ''), ('updated_at', 'timestamp', '')]},
        'journey_versions': {'required': false, 'columns': [
            ('journey_id', 'string', 'required'), ('journey_version_id', 'string', 'required'),
            ('version_number', 'bigint', ''), ('version_name', 'string', ''), ('published_at', 'timestamp', ''),
            ('retired_at', 'timestamp', ''), ('migrates_active_entries', 'boolean', '')]},
        'nodes': {'required': false, 'columns': [
            ('journey_id', 'string', 'required'), ('journey_version_id', 'string', ''),
            ('node_id', 'string', 'required'), ('node_name', 'string', ''), ('node_type', 'string', ''),
            ('channel', 'string', ''), ('campaign_id', 'string', ''), ('is_terminal', 'boolean', ''),
            ('position', 'bigint', ''), ('stable_node_key', 'string', '')]},
        'node_edges': {'required': false, 'columns': [
            ('journey_id', 'string', 'required'), ('journey_version_id', 'string', ''),
            ('from_node_id', 'string', 'required'), ('to_node_id', 'string', 'required'),
            ('branch_label', 'string', ''), ('expected_share', 'double', 'non_negative')]},
        'goals': {'required': false, 'columns': [
            ('journey_id', 'string', 'required'), ('goal_id', 'string', 'required'), ('goal_name', 'string', ''),
            ('goal_index', 'bigint', ''), ('event_name', 'string', 'required'), ('filters', 'json', ''),
            ('window_seconds', 'bigint', 'non_negative'), ('window_anchor', 'string', ''),
            ('ends_journey', 'boolean', ''), ('is_primary', 'boolean', ''), ('value_property', 'string', ''),
            ('currency_property', 'string', ''), ('valid_from', 'timestamp', ''), ('valid_to', 'timestamp', '')]},
        'campaigns': {'required': false, 'columns': [
            ('campaign_id', 'string', 'required'), ('campaign_name', 'string', ''), ('channel', 'string', ''),
            ('journey_id', 'string', ''), ('node_id', 'string', ''), ('subject_or_title', 'string', ''),
            ('provider', 'string', ''), ('created_at', 'timestamp', ''), ('tags', 'json', ''),
            ('conversion_event_name', 'string', ''), ('campaign_conversion_seconds', 'bigint', 'non_negative')]},
        'campaign_variants': {'required': false, 'columns': [
            ('campaign_id', 'string', 'required'), ('variant_id', 'string', 'required'), ('variant_name', 'string', ''),
            ('planned_share', 'double', 'non_negative'), ('is_control', 'boolean', '')]},
        'journey_events': {'required': true, 'columns': [
            ('event_id', 'string', ''), ('event_type', 'string', 'required'), ('journey_id', 'string', 'required'),
            ('journey_version_id', 'string', ''), ('journey_entry_id', 'string', ''), ('user_id', 'string', 'required'),
            ('user_id_type', 'string', ''), ('node_id', 'string', 'required_by_node_entered'), ('next_node_id', 'string', ''),
            ('branch_label', 'string', ''), ('occurred_at', 'timestamp', 'required'), ('is_control', 'boolean', ''),
            ('control_group_type', 'string', ''), ('variant_id', 'string', ''), ('trigger_event_id', 'string', ''),
            ('reason_code', 'string', ''), ('exit_event_name', 'string', ''), ('error_code', 'string', ''),
            ('error_message', 'string', '')]},
        'message_events': {'required': false, 'columns': [
            ('event_id', 'string', ''), ('event_type', 'string', 'required'), ('message_id', 'string', ''),
            ('dispatch_id', 'string', ''), ('journey_id', 'string', ''), ('journey_version_id', 'string', ''),
            ('journey_entry_id', 'string', ''), ('node_id', 'string', ''), ('campaign_id', 'string', ''),
            ('variant_id', 'string', ''), ('user_id', 'string', 'required'), ('user_id_type', 'string', ''),
            ('channel', 'string', 'required_column'), ('endpoint_id', 'string', ''), ('endpoint_type', 'string', ''),
            ('platform', 'string', ''), ('os_version', 'string', ''), ('app_id', 'string', ''),
            ('device_model', 'string', ''), ('occurred_at', 'timestamp', 'required'), ('reason_code', 'string', ''),
            ('provider_code', 'string', ''), ('provider_message', 'string', ''), ('bounce_type', 'string', ''),
            ('link_id', 'string', ''), ('link_url', 'string', ''), ('button_id', 'string', ''),
            ('user_agent', 'string', ''), ('ip', 'string', ''), ('is_bot', 'boolean', ''), ('bot_reason', 'string', ''),
            ('delivery_route', 'string', ''), ('is_test', 'boolean', ''), ('sms_segments', 'bigint', 'non_negative'),
            ('cost_amount', 'decimal(38,9)', 'non_negative'), ('cost_currency', 'string', '')]},
        'user_events': {'required': false, 'columns': [
            ('event_id', 'string', ''), ('event_name', 'string', 'required'), ('user_id', 'string', 'required'),
            ('user_id_type', 'string', ''), ('occurred_at', 'timestamp', 'required'), ('value', 'decimal(38,9)', ''),
            ('currency', 'string', ''), ('properties', 'json', ''), ('order_id', 'string', ''),
            ('session_id', 'string', ''), ('device_id', 'string', ''), ('platform', 'string', ''),
            ('attributed_message_id', 'string', ''), ('is_test', 'boolean', '')]},
        'users': {'required': false, 'columns': [
            ('user_id', 'string', 'required'), ('external_user_id', 'string', ''), ('created_at', 'timestamp', ''),
            ('country', 'string', ''), ('language', 'string', ''), ('timezone', 'string', ''),
            ('is_test', 'boolean', ''), ('is_deleted', 'boolean', ''), ('deleted_at', 'timestamp', ''),
            ('random_bucket', 'bigint', 'non_negative'), ('attributes', 'json', ''), ('updated_at', 'timestamp', '')]},
        'devices': {'required': false, 'columns': [
            ('device_id', 'string', 'required'), ('user_id', 'string', ''), ('platform', 'string', ''),
            ('os_version', 'string', ''), ('app_version', 'string', ''), ('sdk_version', 'string', ''),
            ('push_token_status', 'string', ''), ('first_seen_at', 'timestamp', ''), ('last_seen_at', 'timestamp', '')]},
        'identity_links': {'required': false, 'columns': [
            ('alias_id', 'string', 'required'), ('alias_type', 'string', ''), ('canonical_id', 'string', 'required_by_link'),
            ('link_type', 'string', ''), ('occurred_at', 'timestamp', '')]},
        'subscriptions': {'required': false, 'columns': [
            ('user_id', 'string', 'required'), ('channel', 'string', 'required'), ('status', 'string', ''),
            ('source', 'string', ''), ('occurred_at', 'timestamp', '')]},
        'costs': {'required': false, 'columns': [
            ('cost_date', 'timestamp', 'required'), ('channel', 'string', ''), ('campaign_id', 'string', ''),
            ('amount', 'decimal(38,9)', 'non_negative'), ('currency', 'string', '')]},
        'load_batches': {'required': false, 'columns': [
            ('batch_id', 'string', 'required'), ('object_name', 'string', ''), ('file_name', 'string', ''),
            ('file_sha256', 'string', ''), ('row_count', 'bigint', 'non_negative'), ('min_occurred_at', 'timestamp', ''),
            ('max_occurred_at', 'timestamp', ''), ('started_at', 'timestamp', ''), ('finished_at', 'timestamp', ''),
            ('loader_version', 'string', '')]},
    }) %}
{% endmacro %}


{# Envelope columns of every raw table, in order; each has a default when a file lacks it. #}
{% macro contract_envelope() %}
    {% do return([
        ('source_system', 'string', ''), ('source_account', 'string', ''), ('source_record_id', 'string', ''),
        ('batch_id', 'string', ''), ('received_at', 'timestamp', ''), ('loaded_at', 'timestamp', ''),
        ('schema_version', 'string', ''), ('raw_payload', 'string', ''),
    ]) %}
{% endmacro %}
