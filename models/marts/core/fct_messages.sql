{{ rebuilt_by('message') }}

with rolled_up as (
    select
        *,
        attempt_events > 0 as is_attempted,
        failed_events > 0 and better_events = 0 as is_failed,
        attempt_events > 0 and not (failed_events > 0 and better_events = 0) as is_accepted,
        attempt_events = 0 as is_skipped,
        last_delivered_at is not null and coalesce(last_hard_bounce_at <= last_delivered_at, true) as is_delivered,
        last_hard_bounce_at is not null as is_bounced_hard,
        last_soft_bounce_at is not null
        and last_hard_bounce_at is null
        and coalesce(last_delivered_at <= last_soft_bounce_at, true) as is_bounced_soft
    from {{ touched(ref('int_messages_rolled_up'), 'message') }} as rolled
),

issues as (
    select
        *,
        case
            when is_failed then 'failed'
            when is_skipped then 'skipped'
            when is_bounced_hard then 'bounced_hard'
            when is_bounced_soft then 'bounced_soft'
        end as issue_kind,
        case
            when is_failed then nullif(failed_reason, '')
            when is_skipped then nullif(skipped_reason, '')
            when is_bounced_hard then nullif(hard_bounce_reason, '')
            when is_bounced_soft then nullif(soft_bounce_reason, '')
        end as issue_reason_code
    from rolled_up
),

sends as (
    select
        issues.*,
        case
            when issues.is_accepted
                then coalesce(issues.first_sent_at, issues.first_better_at, issues.first_event_at)
        end as sent_at
    from issues
)

select
    sends.account_key,
    sends.message_id,
    sends.journey_id,
    coalesce(sends.journey_version_id, 'unknown') as journey_version_id,
    entries.journey_entry_id,
    sends.node_id,
    sends.campaign_id,
    sends.variant_id,
    sends.channel,
    coalesce(sends.platform, 'unknown') as platform,
    coalesce(sends.device_model, 'unknown') as device_model,
    sends.endpoint_id,
    sends.user_key,
    coalesce(entries.is_control, false) as is_control,
    sends.delivery_route,
    sends.first_event_id,
    sends.first_event_at,
    sends.last_event_at,
    sends.sent_at,
    {{ local_date('coalesce(sends.sent_at, sends.first_event_at)', 'settings.reporting_timezone') }} as message_date,
    settings.reporting_timezone,
    sends.first_delivered_at,
    sends.first_impression_at,
    sends.first_opened_at,
    sends.first_clicked_at,
    sends.first_read_at,
    sends.is_attempted,
    sends.is_failed,
    sends.is_accepted,
    sends.is_skipped,
    sends.is_delivered,
    sends.is_delivered
    or sends.opens_total + sends.clicks_total + sends.reads_total + sends.impressions_total > 0
        as is_delivered_inferred,
    sends.is_accepted
    and coalesce(sends.channel, 'other') <> 'app_inbox'
    and sends.amplified_reach_events > 0
    and sends.direct_reach_events = 0 as is_reached_by_amplification_only,
    sends.is_bounced_hard,
    sends.is_bounced_soft,
    sends.issue_kind,
    sends.issue_reason_code as reason_code,
    case
        when sends.issue_kind is null then null
        when reason_codes.issue_class is not null then reason_codes.issue_class
        when sends.issue_kind = 'failed' then 'platform'
        when sends.issue_kind = 'skipped' then 'policy'
        else 'recipient'
    end as issue_class,
    case
        when sends.issue_kind is null then null
        else coalesce(reason_codes.ct_is_technical, sends.issue_kind <> 'skipped')
    end as ct_is_technical,
    sends.events_total,
    sends.send_attempt_events,
    sends.impressions_total,
    sends.opens_total,
    sends.opens_total_human,
    sends.clicks_total,
    sends.clicks_total_human,
    sends.reads_total,
    sends.replies_total,
    sends.dismissals_total,
    sends.unsubscribes_total,
    sends.complaints_total,
    sends.streamed_events,
    sends.sms_segments
from sends
inner join {{ ref('stg_settings') }} as settings
    on sends.account_key = settings.account_key
left join {{ ref('int_entries_exited') }} as entries
    on sends.account_key = entries.account_key and sends.journey_entry_id = entries.journey_entry_id
left join {{ ref('reason_codes') }} as reason_codes
    on sends.issue_reason_code = reason_codes.reason_code
