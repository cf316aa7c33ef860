{{ latest_rows('load_batches', ['batch_id'], ['finished_at']) }}

select
    account_key,
    batch_id,
    object_name,
    file_name,
    file_sha256,
    row_count,
    min_occurred_at,
    max_occurred_at,
    started_at,
    finished_at,
    loader_version,
    source_file
from final
