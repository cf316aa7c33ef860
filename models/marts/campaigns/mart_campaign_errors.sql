with errors as (
    select
        account_key,
        campaign_id,
        coalesce(reason_code, 'unknown') as reason_code,
        issue_class,
        issue_kind,
        ct_is_technical,
        user_key
    from {{ ref('fct_messages') }}
    where not is_control and campaign_id is not null and issue_kind in ('failed', 'skipped')
)

select
    account_key,
    campaign_id,
    reason_code,
    issue_class,
    ct_is_technical,
    cast(count(*) as bigint) as ct_errors,
    cast(count(case when issue_kind = 'failed' then 1 end) as bigint) as messages_failed,
    cast(count(case when issue_kind = 'skipped' then 1 end) as bigint) as messages_skipped,
    cast(count(distinct user_key) as bigint) as error_users,
    cast({{ pct('count(*)', 'sum(count(*)) over (partition by account_key, campaign_id)') }} as double)
        as ct_errors_share_pct
from errors
group by account_key, campaign_id, reason_code, issue_class, ct_is_technical
