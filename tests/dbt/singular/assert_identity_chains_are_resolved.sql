-- Links are followed for a bounded number of steps. A returned alias hangs on a longer chain, so its user key is not
-- final: raise max_links in stg_identities.
select *
from {{ ref('stg_identities') }}
where is_unresolved
