-- Nothing is lost: each raw row is accepted, a duplicate, rejected, excluded as test data or not yet visible.
-- A returned row is an account and table where the counts do not add up: look at its rows in stg_rejects.
select *
from {{ ref('quality_load_audit') }}
where
    raw_rows <> accepted_rows + duplicate_rows + rejected_rows + excluded_test_rows + hidden_rows
    or accepted_rows < 0
    or duplicate_rows < 0
