-- Each delivery issue has exactly one class (R14). A returned row has issues without a class or with two.
select *
from {{ ref('mart_channel_stats') }}
where delivery_issue_messages <> issues_platform + issues_recipient + issues_policy + issues_content
