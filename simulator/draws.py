"""The SQL of the drawn world: people, devices, entries, messages as tables, the event streams as queries.

A stream has `at_us` (when it happened), `e` (the random number of the event, which decides whether it is
late, repeated or corrected) and `is_test`. Where its columns become contract columns, `preliminary` is true
for the first delivery of an event that is corrected later.
"""

from __future__ import annotations

from simulator.company import CLICK_TO_PURCHASE

PEOPLE = """
    create or replace temp table people as
    with people_numbers as (
        select n as u, child(world.seed, n) as r
        from range($low, $high) as numbers (n) cross join world
    ),
    drawn as (
        select
            u, r,
            draw(r, 1) < 0.35 as is_new,
            u % 331 = 7 as is_test,
            0.5 + draw(r, 4) as activity,
            case when draw(r, 5) < 0.7 then 1 when draw(r, 5) < 0.94 then 2 else 3 end as devices,
            draw(r, 6) < 0.95 as has_email,
            draw(r, 7) < 0.6 as has_phone,
            case
                when draw(r, 8) >= 0.3 then null
                when draw(r, 9) < 0.1 then 'chain'
                when draw(r, 9) < 0.15 then 'late'
                when draw(r, 9) < 0.16 and u % 331 <> 7 then 'unlinked'
                else 'plain'
            end as link_kind,
            period_start() + cast(draw(r, 10) * (period_end() - period_start()) as bigint) as identified_us
        from people_numbers
    )
    select
        drawn.*,
        numbered('u', u) as user_id,
        case when link_kind is not null then numbered('a', u) end as alias_id,
        names.name,
        markets.country,
        markets.language,
        markets.timezone,
        markets.offset_us,
        markets.currency,
        case
            when is_new then to_utc(period_start() + clock.cell_us + seconds(3600 * draw(r, 11)), offset_us)
            else period_start() - days(1 + 700 * draw(r, 12))
        end as created_us
    from drawn
    inner join slots on slots.dist = market_dist() and slots.slot = slot_of(r, 2)
    inner join markets on markets.item = slots.item
    inner join names on names.item = r % (select count(*) from names)
    inner join clock on clock.slot = clock_slot(r, 3, 0, 1)
"""

HANDSETS = """
    create or replace temp table handsets as
    with owned as (
        select
            u, user_id, device_no, created_us, child(r, 100 + device_no) as r,
            case device_no when 1 then mobile_dist() when 2 then browser_dist() else tablet_dist() end as dist
        from people inner join range(1, 4) as numbers (device_no) on device_no <= devices
    )
    select
        owned.* exclude (dist),
        numbered('d', u) || '-' || device_no as device_id,
        device_models.platform,
        device_models.os_version,
        device_models.device_model
    from owned
    inner join slots on slots.dist = owned.dist and slots.slot = slot_of(r, 1)
    inner join device_models on device_models.item = slots.item
"""

# Entries and messages are put in order of time, because files by load date are written faster that way.
ENTRIES = """
    create or replace temp table entries as
    with chosen as (
        select
            people.*,
            journeys.*,
            rules.low, rules.high, rules.batch_us,
            child(people.r, rules.salt) as entry_r,
            numbered('e', u) || '-' || journeys.code || '-' || rules.number as entry_id
        from people
        cross join entry_rules as rules
        inner join journeys using (journey_id)
        where
            draw(people.r, rules.salt)
            < rules.probability * if(journeys.reentry_policy = 'once', 1, people.activity)
            and (journeys.anchor <> 'signup' or people.is_new)
    ),
    timed as (
        select
            chosen.*,
            draw(entry_r, 1) < control_share as is_control,
            tail(entry_r, 2) as f,
            case anchor
                when 'signup' then created_us + seconds(5)
                when 'batch' then period_start() + batch_us + seconds(60 * draw(entry_r, 3))
                else to_utc(period_start() + clock.cell_us + seconds(3600 * draw(entry_r, 4)), offset_us)
            end as at_us
        from chosen
        inner join clock on clock.slot = clock_slot(entry_r, 5, low, high)
    ),
    known as (
        -- Visitors of the shop watch prices before they are known.
        select
            *,
            coalesce(
                journey_id = 'price-drop' and link_kind in ('plain', 'chain') and at_us < identified_us, false
            ) as anonymous
        from timed
    )
    select
        u, entry_r as r, f, journey_id, is_test, is_control, at_us, cut_us, currency, trigger_event, devices,
        has_email, has_phone, entry_id, anonymous,
        user_id as true_user_id,
        if(has_entry_ids, entry_id, null) as journey_entry_id,
        if(anonymous, alias_id, user_id) as user_id,
        if(is_control, 'journey', null) as control_group_type,
        case
            when trigger_event = 'signup' then numbered('x', u) || '-signup'
            when trigger_event is not null then 'x' || substr(entry_id, 2)
        end as trigger_event_id,
        versions.version_id,
        versions.next_version_id,
        if(versions.next_version_id is not null, versions.to_us, null) as migrate_us,
        plans.plan,
        plans.variant_id,
        plans.enters,
        plans.exit_reason,
        plans.emits,
        after(at_us, plans.exit_min, plans.exit_scale, f) as exit_us
    from known
    inner join versions using (journey_id)
    inner join slots
        on slots.dist = if(is_control, versions.control_dist, versions.target_dist)
        and slots.slot = slot_of(entry_r, 6)
    inner join plans on plans.plan = slots.item
    where at_us >= versions.from_us and at_us < versions.to_us and at_us < cut_us
    order by at_us
"""

# No message starts in the last ten minutes, so that every result of sending lies inside the period.
MESSAGES = """
    create or replace temp table messages as
    with touches as (
        select
            e.u, e.is_test, e.user_id, e.anonymous, e.journey_id, e.journey_entry_id, e.devices, e.has_email,
            e.has_phone, e.variant_id, e.cut_us, s.node_id, s.campaign_id, s.dist,
            child(e.r, 2000 + s.seq) as r,
            after(e.at_us, s.min_us, s.scale_us, e.f) as at_us,
            if(after(e.at_us, s.min_us, s.scale_us, e.f) >= e.migrate_us, e.next_version_id, e.version_id)
                as version_id,
            e.entry_id || '.' || s.seq as dispatch_id
        from entries as e
        inner join plan_steps as s using (plan)
        where s.campaign_id is not null
        union all
        select
            u, is_test, user_id, false, null, null, devices, has_email, has_phone, null, period_end(), null,
            campaign_id, blasts.dist,
            child(r, salt),
            at_us + seconds(1800 * draw(child(r, salt), 1)),
            null,
            numbered('c', u) || '-' || campaign_id
        from people
        cross join blasts
        where draw(r, salt) < share and created_us < at_us
    ),
    sent as (
        select
            touches.*, campaigns.channel, campaigns.variant_dist, endpoints.* exclude (channel),
            child(r, device_no) as message_r
        from touches
        inner join campaigns using (campaign_id)
        inner join endpoints using (channel)
        where
            at_us < cut_us
            and at_us < period_end() - seconds(600)
            and device_no <= devices
            and (needs <> 'email' or has_email)
            and (needs <> 'phone' or has_phone)
    )
    select
        sent.u, sent.is_test, sent.user_id, sent.anonymous, sent.journey_id, sent.version_id,
        sent.journey_entry_id, sent.node_id, sent.campaign_id, sent.dispatch_id, sent.channel,
        sent.endpoint_type, sent.cost, sent.at_us,
        sent.message_r as r,
        tail(sent.message_r, 1) as f,
        'm' || substr(sent.dispatch_id, 2) || '.' || sent.device_no as message_id,
        case sent.endpoint_type
            when 'email' then numbered('u', sent.u) || '@mail.example'
            when 'phone' then numbered('+999', sent.u)
            when 'url' then 'https://hooks.example/in'
            else handsets.device_id
        end as endpoint_id,
        handsets.platform,
        handsets.os_version,
        handsets.device_model,
        coalesce(variants.variant_id, sent.variant_id) as variant_id,
        outcomes.outcome,
        outcomes.status,
        outcomes.click_min,
        outcomes.click_scale
    from sent
    inner join slots as drawn on drawn.dist = sent.dist and drawn.slot = slot_of(sent.message_r, 2)
    inner join outcomes on outcomes.outcome = drawn.item
    left join handsets on handsets.u = sent.u and handsets.device_no = sent.device_no
    left join slots as arm on arm.dist = sent.variant_dist and arm.slot = slot_of(sent.r, 3)
    left join variants on variants.item = arm.item
    order by sent.at_us
"""

JOURNEY_STREAM = """
    with steps as (
        select
            e.* exclude (at_us),
            s.event_type, s.node_id, s.next_node_id, s.branch_label, s.reason_code, s.exit_event_name,
            s.error_code, s.error_message,
            e.entry_id || s.seq_text as event_id,
            after(e.at_us, s.min_us, s.scale_us, e.f) as at_us,
            child(e.r, 1000 + s.seq) as e
        from entries as e
        inner join plan_steps as s using (plan)
        union all
        select
            e.* exclude (at_us), 'version_migrated', null, null, null, null, null, null, null,
            e.entry_id || '.mig', e.migrate_us, child(e.r, 999)
        from entries as e
        where enters and migrate_us < coalesce(exit_us, cut_us)
    )
    select * from steps where at_us < cut_us
"""

JOURNEY_COLUMNS = {
    "event_id": "event_id",
    "event_type": "event_type",
    "journey_id": "journey_id",
    "journey_version_id": "if(at_us >= migrate_us, next_version_id, version_id)",
    "journey_entry_id": "if(event_type <> 'qualified', journey_entry_id, null)",
    "user_id": "user_id",
    "user_id_type": "if(anonymous, 'anonymous', 'external')",
    "node_id": "node_id",
    "next_node_id": "next_node_id",
    "branch_label": "branch_label",
    "occurred_at": "moment(at_us)",
    "is_control": "is_control",
    "control_group_type": "control_group_type",
    "variant_id": "variant_id",
    "trigger_event_id": "if(event_type = 'journey_entered', trigger_event_id, null)",
    "reason_code": "if(preliminary and event_type = 'journey_exited', 'other', reason_code)",
    "exit_event_name": "exit_event_name",
    "error_code": "error_code",
    "error_message": "if(preliminary and event_type <> 'journey_exited', 'provisional', error_message)",
}

MESSAGE_STREAM = """
    with events as (
        select
            m.* exclude (at_us),
            o.* exclude (outcome, min_us, scale_us),
            after(m.at_us, o.min_us, o.scale_us, m.f) as at_us,
            child(m.r, 1000 + o.seq) as e
        from messages as m
        inner join outcome_events as o using (outcome)
    )
    select * from events where at_us < period_end()
"""

MESSAGE_COLUMNS = {
    "event_id": "message_id || '.' || seq",
    "event_type": "event_type",
    "message_id": "message_id",
    "dispatch_id": "dispatch_id",
    "journey_id": "journey_id",
    "journey_version_id": "version_id",
    "journey_entry_id": "journey_entry_id",
    "node_id": "node_id",
    "campaign_id": "campaign_id",
    "variant_id": "variant_id",
    "user_id": "user_id",
    "user_id_type": "if(anonymous, 'anonymous', 'external')",
    "channel": "channel",
    "endpoint_id": "endpoint_id",
    "endpoint_type": "endpoint_type",
    "platform": "platform",
    "os_version": "os_version",
    "app_id": "if(platform is not null, 'shop.example', null)",
    "device_model": "device_model",
    "occurred_at": "moment(at_us)",
    "reason_code": "if(preliminary and event_type = 'failed', 'provider_error', reason_code)",
    "provider_code": "provider_code",
    "provider_message": "if(preliminary, 'provisional', provider_message)",
    "bounce_type": "bounce_type",
    "link_id": "if(has_link, if(r % 10 < 8, 'cta', 'logo'), null)",
    "link_url": "if(has_link, 'https://shop.example/' || campaign_id, null)",
    "button_id": "button_id",
    "user_agent": "user_agent",
    "ip": "if(user_agent is not null, '203.0.113.' || (r % 256), null)",
    "is_bot": "is_bot",
    "bot_reason": "bot_reason",
    "delivery_route": "delivery_route",
    "is_test": "is_test",
    "sms_segments": "if(channel = 'sms' and event_type = 'sent', if(r % 10 = 0, 2, 1), null)",
    "cost_amount": "if(event_type = 'sent', cost, null)",
    "cost_currency": "if(event_type = 'sent' and cost is not null, 'USD', null)",
}

# In order: sign-ups, what users do on their own, what starts and what ends an entry, planted conversions,
# purchases after a click.
USER_STREAM = f"""
    with happened as (
        select
            u, numbered('x', u) || '-signup' as event_id, 'signup' as event_name, created_us as at_us,
            child(r, 50) as r, null as detail, null as attributed_message_id
        from people
        where is_new
        union all
        select
            u, numbered('x', u) || '-' || b.number, b.event_name,
            to_utc(period_start() + clock.cell_us + seconds(3600 * draw(child(r, b.salt), 2)), offset_us),
            child(r, b.salt), null, null
        from people
        cross join background as b
        inner join clock on clock.slot = clock_slot(child(r, b.salt), 1, low, high)
        where draw(r, b.salt) < b.probability * activity
        union all
        select u, trigger_event_id, trigger_event, at_us - seconds(2), child(r, 51), null, null
        from entries
        where trigger_event <> 'signup'
        union all
        select u, 'x' || substr(entry_id, 2) || '-exit', emits, exit_us - seconds(1), child(r, 52), null, null
        from entries
        where emits is not null and exit_us < cut_us
        union all
        select
            e.u, 'x' || substr(e.entry_id, 2) || '-c' || c.number, c.event_name,
            after(e.at_us, c.min_us, c.scale_us, tail(e.r, 400 + c.number)),
            child(e.r, 500 + c.number), c.detail, null
        from entries as e
        inner join conversions as c using (journey_id)
        where e.enters and c.is_control = e.is_control and draw(e.r, 300 + c.number) < c.probability
        union all
        select
            u, 'x' || substr(message_id, 2) || '-p', 'purchase',
            after(at_us, click_min, click_scale, f) + seconds(60 + 7200 * tail(r, 8)),
            child(r, 53),
            case
                when journey_id = 'price-drop' and r % 10 < 7 then 'shoes'
                when journey_id = 'welcome' then 'welcome'
            end,
            message_id
        from messages
        where click_min is not null and draw(r, 7) < {CLICK_TO_PURCHASE}
    ),
    described as (
        select
            happened.*,
            people.is_test,
            people.user_id,
            people.alias_id,
            people.currency as home_currency,
            coalesce(people.link_kind is not null and at_us < people.identified_us, false) as anonymous,
            child(happened.r, 1000) as e,
            event_name in ('purchase', 'Order Placed') as is_order,
            case
                when event_name in ('purchase', 'Order Placed')
                    then cast(400 + 4000 * tail(happened.r, 1) as bigint)
                when event_name = 'subscription_started' then if(detail = 'vip', 2999, 999)
            end as cents
        from happened
        inner join people using (u)
        where at_us < period_end()
    )
    select *, cents * cast(0.01 as decimal(3, 2)) as total from described
"""

USER_COLUMNS = {
    "event_id": "event_id",
    "event_name": "event_name",
    "user_id": "if(anonymous, alias_id, user_id)",
    "user_id_type": "if(anonymous, 'anonymous', 'external')",
    "occurred_at": "moment(at_us)",
    "value": "if(preliminary, total + 1, total)",
    "currency": "if(total is not null and draw(r, 2) >= 0.003, home_currency, null)",  # some shops forget it
    "properties": """
        case
            when is_order then
                '{"total":' || total || ',"items":' || (1 + r % 5) || ',"category":"'
                || case
                    when detail = 'shoes' or (r >> 8) % 4 = 0 then 'shoes'
                    when (r >> 8) % 4 = 1 then 'shirts'
                    when (r >> 8) % 4 = 2 then 'toys'
                    else 'books'
                end
                || case
                    when detail = 'welcome' then '","coupon":"WELCOME10"}'
                    when (r >> 16) % 4 = 0 then '","coupon":"LOYAL5"}'
                    else '"}'
                end
            when event_name = 'subscription_started' then '{"plan":"' || coalesce(detail, 'basic') || '"}'
            when event_name = 'cart_abandoned' then '{"items":' || (1 + r % 5) || '}'
            when event_name = 'app_open' then '{"screen":"' || coalesce(detail, 'home') || '"}'
            else '{"method":"email"}'
        end""",
    "order_id": "if(is_order, 'o' || substr(event_id, 2), null)",
    "session_id": """
        case
            when preliminary then 'provisional'
            when event_name = 'app_open' then 's' || (r % 1000000007)
        end""",
    "device_id": "if(event_name = 'app_open', numbered('d', u) || '-1', null)",
    "attributed_message_id": "attributed_message_id",
    "is_test": "is_test",
}

STREAMS = {
    "journey_events": (JOURNEY_STREAM, JOURNEY_COLUMNS),
    "message_events": (MESSAGE_STREAM, MESSAGE_COLUMNS),
    "user_events": (USER_STREAM, USER_COLUMNS),
}
