-- Skipped messages count: their users were given the variant too, and the test is about the giving.
with assigned as (
    select
        account_key,
        campaign_id,
        variant_id,
        count(distinct user_key) as arm_users
    from {{ ref('fct_messages') }}
    where not is_control and campaign_id is not null and variant_id is not null
    group by account_key, campaign_id, variant_id
),

arms as (
    select
        variants.account_key,
        variants.campaign_id,
        variants.variant_id,
        variants.planned_share,
        coalesce(assigned.arm_users, 0) as arm_users
    from {{ ref('dim_variant') }} as variants
    left join assigned
        on
            variants.account_key = assigned.account_key
            and variants.campaign_id = assigned.campaign_id
            and variants.variant_id = assigned.variant_id
    where not variants.is_control
),

campaigns as (
    select
        account_key,
        campaign_id,
        count(*) as arms_total,
        count(planned_share) as planned_arms,
        sum(arm_users) as users_total
    from arms
    group by account_key, campaign_id
),

testable as (
    select arms.*
    from arms
    inner join campaigns
        on arms.account_key = campaigns.account_key and arms.campaign_id = campaigns.campaign_id
    where campaigns.arms_total > 1 and campaigns.arms_total = campaigns.planned_arms
),

tested as (
    {{ sample_ratio_mismatch('testable', ['account_key', 'campaign_id']) | indent(4) }}
)

select
    campaigns.account_key,
    campaigns.campaign_id,
    cast(campaigns.arms_total as bigint) as arms_total,
    cast(campaigns.planned_arms as bigint) as planned_arms,
    cast(campaigns.users_total as bigint) as arm_users_sum,
    cast(tested.chi2 as double) as chi_square,
    cast(tested.df as bigint) as degrees_of_freedom,
    cast(tested.p_value as double) as p_value,
    tested.alarm as is_sample_ratio_mismatch
from campaigns
left join tested
    on campaigns.account_key = tested.account_key and campaigns.campaign_id = tested.campaign_id
