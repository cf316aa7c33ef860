-- The two readings of a word differ by exactly what the seed names, and every pair names known columns.
-- A returned row is a pair whose difference is not explained or whose columns are unknown.
select
    definitions.difference_id,
    differences.account_key,
    differences.journey_id,
    differences.left_value,
    differences.right_value,
    differences.explanation_value
from {{ ref('definition_differences') }} as definitions
inner join {{ ref('mart_journey_overview') }} as overview
    on overview.journey_version_id = 'ALL' and overview.period_id = 'all_time'
left join {{ ref('mart_definition_differences') }} as differences
    on
        definitions.difference_id = differences.difference_id
        and overview.account_key = differences.account_key
        and overview.journey_id = differences.journey_id
where
    differences.difference_id is null
    or not coalesce(differences.is_explained, differences.explanation_value is null)
