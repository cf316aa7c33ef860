{{ rebuilt_by('entry') }}

with entered as (
    select
        account_key,
        coalesce(journey_entry_id, 'derived/' || event_id) as journey_entry_id,
        journey_entry_id is null as is_entry_id_derived,
        journey_id,
        coalesce(journey_version_id, 'unknown') as journey_version_id,
        user_key,
        event_id as entered_event_id,
        occurred_at as entered_at,
        is_control,
        control_group_type,
        variant_id,
        trigger_event_id,
        row_number() over (
            partition by account_key, coalesce(journey_entry_id, 'derived/' || event_id)
            order by occurred_at, event_id
        ) as entered_index
    from {{ touched(ref('stg_journey_events'), 'pair') }} as stg_events
    where event_type = 'journey_entered'
)

select
    account_key,
    journey_entry_id,
    is_entry_id_derived,
    journey_id,
    journey_version_id,
    user_key,
    entered_event_id,
    entered_at,
    is_control,
    control_group_type,
    variant_id,
    trigger_event_id
from entered
where entered_index = 1
