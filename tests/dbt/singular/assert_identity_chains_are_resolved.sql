-- Links are followed for a bounded number of steps. A returned alias hangs on a longer chain: its user key is not final.
-- Raise max_links in stg_identities.
select *
from {{ ref('stg_identities') }}
where is_unresolved
