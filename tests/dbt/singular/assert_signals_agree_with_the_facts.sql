-- Each step with attempted messages has its delivery signal, counted once more from the messages, and no
-- signal is raised on too small a sample. A returned row is a step where this fails.
with steps as (
    select
        account_key,
        journey_id,
        node_id,
        count(case when is_attempted then 1 end) as attempted,
        count(case when is_failed then 1 end) as failed
    from {{ ref('fct_messages') }}
    where not is_control and is_attempted and journey_id is not null and node_id is not null
    group by account_key, journey_id, node_id
),

delivery as (
    select *
    from {{ ref('mart_signals') }}
    where signal_id = 'signal_delivery'
)

select
    steps.account_key,
    steps.journey_id,
    steps.node_id
from steps
left join delivery
    on
        steps.account_key = delivery.account_key
        and steps.journey_id = delivery.journey_id
        and steps.node_id = delivery.node_id
where
    steps.attempted <> coalesce(delivery.signal_denominator, -1)
    or steps.failed <> coalesce(delivery.signal_numerator, -1)
union all
select
    account_key,
    journey_id,
    node_id
from {{ ref('mart_signals') }}
where is_raised and signal_denominator < min_sample
