select
    title,
    status,
    created_at,
    category,
    case journey_type
        when 'audience_based' then 'AudienceBased'
        when 'trigger_based' then 'TriggerBased'
        when 'api_triggered' then 'ApiTriggered'
        when 'recurring' then 'Recurring'
        else journey_type
    end as journey_type,
    journey_id,
    pw_total_reach,
    pw_unique_users,
    pw_users_inside,
    pw_csv_drop_off,
    pw_total_sends,
    pw_avg_ctr_pct,
    pw_goals,
    pw_push_sends,
    pw_push_ctr_pct,
    pw_email_sends,
    pw_email_ctr_pct,
    pw_email_clicks_total,
    pw_email_unsubscribes,
    pw_sms_sends,
    pw_sms_deliveries,
    pw_whatsapp_sends,
    pw_whatsapp_opens,
    pw_inapp_shows,
    pw_inapp_interaction_users,
    pw_inapp_skips,
    period_id,
    date_basis,
    account_key
from {{ ref('mart_journey_statistics') }}
