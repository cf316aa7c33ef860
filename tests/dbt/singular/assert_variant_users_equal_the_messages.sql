-- The users of the sample ratio test, counted once more: every pair of user and variant with a message.
-- A returned row is a campaign where they differ, or an alarm that its own p-value does not give (F30).
with pairs as (
    select distinct
        messages.account_key,
        messages.campaign_id,
        messages.variant_id,
        messages.user_key
    from {{ ref('fct_messages') }} as messages
    inner join {{ ref('dim_variant') }} as variants
        on
            messages.account_key = variants.account_key
            and messages.campaign_id = variants.campaign_id
            and messages.variant_id = variants.variant_id
    where not messages.is_control and not variants.is_control
),

users as (
    select
        account_key,
        campaign_id,
        count(*) as arm_users_sum
    from pairs
    group by account_key, campaign_id
)

select
    ratios.*,
    users.arm_users_sum as counted_users
from {{ ref('mart_variant_sample_ratio') }} as ratios
left join users
    on ratios.account_key = users.account_key and ratios.campaign_id = users.campaign_id
where
    ratios.arm_users_sum <> coalesce(users.arm_users_sum, 0)
    or ratios.is_sample_ratio_mismatch <> (ratios.p_value < 0.001)
    or (ratios.p_value is null and ratios.is_sample_ratio_mismatch)
