-- attempted = accepted + failed, and every message is attempted or skipped (R12). A returned row breaks the identity.
select *
from {{ ref('mart_channel_stats') }}
where
    messages_attempted <> messages_accepted + messages_failed
    or ct_errors <> messages_failed + messages_skipped
    or ct_errors <> ct_errors_technical + ct_errors_non_technical
