-- Every column of a public model says what it is, how it is computed, when it is null and whether it adds up (D8).
-- A returned column lacks one of these in its model's YAML, or is a rate without its numerator and denominator.
select *
from {{ ref('meta_metric_dictionary') }}
where
    definition is null
    or formula is null
    or unit is null
    or null_meaning is null
    or additivity is null
    or (unit = 'ratio' and column_name like '%rate' and (numerator is null or denominator is null))
