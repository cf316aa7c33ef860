"""Columns of the landing tables the simulator writes, in contract order."""

from __future__ import annotations

_KINDS = {
    "": "varchar",
    "t": "timestamp",
    "b": "boolean",
    "i": "bigint",
    "f": "double",
    "m": "decimal(38,9)",
}

# name or name:kind
_TABLES = {
    "journeys": (
        "journey_id journey_name journey_type category status reentry_policy reentry_cooldown_seconds:i "
        "created_at:t launched_at:t stopped_at:t timezone tags updated_at:t"
    ),
    "journey_versions": (
        "journey_id journey_version_id version_number:i version_name published_at:t retired_at:t "
        "migrates_active_entries:b"
    ),
    "nodes": (
        "journey_id journey_version_id node_id node_name node_type channel campaign_id is_terminal:b "
        "position:i stable_node_key"
    ),
    "node_edges": "journey_id journey_version_id from_node_id to_node_id branch_label expected_share:f",
    "goals": (
        "journey_id goal_id goal_name goal_index:i event_name filters window_seconds:i window_anchor "
        "ends_journey:b is_primary:b value_property currency_property valid_from:t valid_to:t"
    ),
    "campaigns": (
        "campaign_id campaign_name channel journey_id node_id subject_or_title provider created_at:t tags "
        "conversion_event_name campaign_conversion_seconds:i"
    ),
    "campaign_variants": "campaign_id variant_id variant_name planned_share:f is_control:b",
    "journey_events": (
        "event_id event_type journey_id journey_version_id journey_entry_id user_id user_id_type node_id "
        "next_node_id branch_label occurred_at:t is_control:b control_group_type variant_id trigger_event_id "
        "reason_code exit_event_name error_code error_message"
    ),
    "message_events": (
        "event_id event_type message_id dispatch_id journey_id journey_version_id journey_entry_id node_id "
        "campaign_id variant_id user_id user_id_type channel endpoint_id endpoint_type platform os_version "
        "app_id device_model occurred_at:t reason_code provider_code provider_message bounce_type link_id "
        "link_url button_id user_agent ip is_bot:b bot_reason delivery_route is_test:b sms_segments:i "
        "cost_amount:m cost_currency"
    ),
    "user_events": (
        "event_id event_name user_id user_id_type occurred_at:t value:m currency properties order_id "
        "session_id device_id platform attributed_message_id is_test:b"
    ),
    "users": (
        "user_id external_user_id created_at:t country language timezone is_test:b is_deleted:b deleted_at:t "
        "random_bucket:i attributes updated_at:t"
    ),
    "devices": (
        "device_id user_id platform os_version app_version sdk_version push_token_status first_seen_at:t "
        "last_seen_at:t"
    ),
    "identity_links": "alias_id alias_type canonical_id link_type occurred_at:t",
    "subscriptions": "user_id channel status source occurred_at:t",
    "costs": "cost_date:t channel campaign_id amount:m currency",
    "load_batches": (
        "batch_id object_name file_name file_sha256 row_count:i min_occurred_at:t max_occurred_at:t "
        "started_at:t finished_at:t loader_version"
    ),
}

_ENVELOPE = (
    "source_system source_account source_record_id batch_id received_at:t loaded_at:t schema_version "
    "raw_payload"
)

EVENT_TABLES = ("journey_events", "message_events", "user_events")


def columns(table: str) -> dict[str, str]:
    """Return the columns of a landing table, envelope included, as name -> DuckDB type in contract order."""
    kinds = {}
    for column in f"{_TABLES[table]} {_ENVELOPE}".split():
        name, _, kind = column.partition(":")
        kinds.setdefault(name, _KINDS[kind])  # load_batches has batch_id only once
    return kinds


def tables() -> list[str]:
    """Return the names of all landing tables."""
    return list(_TABLES)


def select_list(table: str, expressions: dict[str, str]) -> str:
    """Return the select list of a table: the given SQL expressions by column, typed nulls elsewhere."""
    known = columns(table)
    if unknown := expressions.keys() - known.keys():
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    return ", ".join(
        f"cast({expressions.get(name, 'null')} as {kind}) as {name}" for name, kind in known.items()
    )
