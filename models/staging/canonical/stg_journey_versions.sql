{{ latest_rows('journey_versions', ['journey_id', 'journey_version_id']) }}

select
    account_key,
    journey_id,
    journey_version_id,
    version_number,
    version_name,
    published_at,
    retired_at,
    migrates_active_entries,
    source_file
from final
