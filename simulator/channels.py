"""The channels of the demo company and the odds of everything that happens to a message sent through them."""

from __future__ import annotations

from dataclasses import dataclass

# channel -> (endpoint type, needs, provider, cost of a sent message in USD)
CHANNELS = {
    "push": ("push_token", "mobile", "FCM", None),
    "web_push": ("web_subscription", "browser", "VAPID", None),
    "email": ("email", "email", "SES", 0.0001),
    "sms": ("phone", "phone", "SmsGate", 0.0075),
    "rcs": ("phone", "phone", "RcsHub", 0.009),
    "whatsapp": ("phone", "phone", "WABA", 0.014),
    "in_app": ("device", "first", None, None),
    "app_inbox": ("device", "first", None, None),
    "webhook": ("url", "url", None, None),
    "kakaotalk": ("phone", "phone", "KakaoBiz", 0.01),  # a channel the contract does not know
}

AGENTS = {
    "human": "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    "proxy": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "scanner": "Mozilla/5.0 (compatible; BarracudaCentral; +https://www.barracudacentral.org/)",
    "preview": "WhatsApp/2.25 A",
}
BOT_REASONS = {"proxy": "machine_open", "scanner": "suspected_scanner"}


@dataclass(frozen=True)
class Event:
    """One event of a message: type, delay after sending (fixed plus random spread, seconds), details."""

    type: str
    delay: float = 0
    spread: float = 0
    reason: str | None = None
    bounce: str | None = None
    agent: str | None = None
    flagged: bool | None = None  # what the vendor says about bots
    button: str | None = None
    route: str = "primary"
    code: str | None = None


def _failed(reason: str, code: str) -> list[Event]:
    return [Event("attempted"), Event("failed", 0.5, reason=reason, code=code)]


def _skipped(reason: str) -> list[Event]:
    return [Event("skipped", reason=reason)]


def _retried(reason: str, code: str) -> list[Event]:
    return [*_failed(reason, code), Event("sent", 31, route="retry")]


_SENT = Event("sent", 0.2)
_THROTTLED = Event("deferred", 4, reason="provider_throttled")

_MAIL = [_SENT, Event("delivered", 2, 5)]
_OPEN = [*_MAIL, Event("opened", 90, 9000, agent="human", flagged=False)]
_OPEN_AGAIN = Event("opened", 7300, 20000, agent="human", flagged=False)
_MACHINE_OPEN = [*_MAIL, Event("opened", 3, 5, agent="proxy", flagged=True)]
_CLICK = [*_OPEN, Event("clicked", 110, 9100, agent="human", flagged=False)]
_CLICK_AGAIN = Event("clicked", 150, 9300, agent="human", flagged=False)
_DISGUISED_SCAN = Event("clicked", 2.7, 5, agent="human")  # 0.7 s after delivery, as no person clicks
_SCAN = Event("clicked", 20, 5, agent="scanner")
_FLAGGED_SCAN = Event("clicked", 2.9, 5, agent="scanner", flagged=True)
_LEAVE = Event("unsubscribed", 200, 9500)
_HARD = Event("bounced", 5, 20, reason="invalid_address", bounce="hard", code="550 5.1.1")
_LATE_HARD = Event("bounced", 600, 3600, reason="invalid_address", bounce="hard", code="550 5.1.1")
_SOFT = Event("bounced", 9, 60, reason="mailbox_full", bounce="soft", code="452 4.2.2")
_BLOCK = Event("bounced", 9, 60, reason="provider_error", bounce="block", code="554")

_PUSH = [_SENT, Event("delivered", 0.8, 3)]
_SHOWN = [*_PUSH, Event("impression", 1, 3)]
_TAP = Event("opened", 20, 3000)
_AMPLIFIED = [
    _SENT,
    Event("delivered", 40, 300, route="amplification"),
    Event("impression", 41, 300, route="amplification"),
]

_TEXT = [Event("queued"), _SENT, Event("delivered", 3, 8)]
_CHAT = [_SENT, Event("delivered", 2, 10)]
_READ = [*_CHAT, Event("read", 45, 5000)]
_CHAT_CLICK = Event("clicked", 60, 5100, agent="human")

_IN_APP = [_SENT, Event("impression", 30, 9000)]
_IN_APP_CLICK = [*_IN_APP, Event("clicked", 38, 9000, button="cta")]
_INBOX = [_SENT, Event("delivered", 1, 3, route="app_inbox")]
_INBOX_SEEN = [*_INBOX, Event("impression", 300, 20000)]

# channel -> [(mood, weight, events)]; a journey step can ask for the mood engaged, ignored or failed.
OUTCOMES: dict[str, list[tuple[str, float, list[Event]]]] = {
    "email": [
        ("ignored", 55.6, _MAIL),
        ("ignored", 11, _MACHINE_OPEN),
        ("ignored", 0.4, [*_MAIL, _DISGUISED_SCAN]),
        ("ignored", 0.3, [*_MAIL, _SCAN]),
        ("ignored", 0.2, [*_MAIL, _FLAGGED_SCAN]),
        ("ignored", 0.5, [_SENT, _THROTTLED, Event("delivered", 60, 600)]),
        ("ignored", 0.5, [_SENT, _HARD]),
        ("ignored", 0.8, [_SENT, _SOFT]),
        ("ignored", 0.05, [_SENT, _BLOCK]),
        ("ignored", 0.1, [_SENT, _SOFT, Event("delivered", 900, 3600)]),
        ("ignored", 0.05, [*_MAIL, _LATE_HARD]),
        ("engaged", 16, _OPEN),
        ("engaged", 4, [*_OPEN, _OPEN_AGAIN]),
        ("engaged", 2, [*_MACHINE_OPEN, _OPEN[-1]]),
        ("engaged", 2.2, _CLICK),
        ("engaged", 0.6, [*_CLICK, _CLICK_AGAIN]),
        ("engaged", 0.14, [*_OPEN, _LEAVE]),
        ("engaged", 0.03, [*_OPEN, _LEAVE, Event("resubscribed", 999, 9900)]),
        ("engaged", 0.03, [*_OPEN, Event("complained", 300, 9500)]),
        ("failed", 0.2, _failed("render_error", "E_TEMPLATE")),
        ("failed", 0.1, _failed("personalization_failed", "E_FIELD")),
        ("failed", 0.1, _failed("provider_error", "503")),
        ("skipped", 2, _skipped("frequency_capped")),
        ("skipped", 1.5, _skipped("unsubscribed")),
        ("skipped", 0.8, _skipped("suppressed")),
        ("skipped", 0.8, _skipped("quiet_hours")),
    ],
    "push": [
        ("ignored", 47, _SHOWN),
        ("ignored", 28, _PUSH),
        ("ignored", 6, [_SENT]),
        ("ignored", 3, [*_SHOWN, Event("dismissed", 15, 4000)]),
        ("ignored", 1.2, _AMPLIFIED),
        ("ignored", 0.4, [*_retried("provider_throttled", "429"), Event("delivered", 32, 5, route="retry")]),
        ("ignored", 0.05, [*_SHOWN, Event("snoozed", 30, 60)]),  # an event type the contract does not know
        ("engaged", 2, [*_SHOWN, _TAP]),
        ("engaged", 1.5, [*_SHOWN, _TAP, Event("clicked", 20.1, 3000)]),
        ("engaged", 0.6, [*_SHOWN, _TAP, Event("clicked", 20.1, 3000, button="open-offer")]),
        ("engaged", 0.3, [*_PUSH, _TAP, Event("opened", 400, 3100)]),
        ("failed", 2, _failed("invalid_token", "400")),
        ("failed", 1.5, _failed("app_uninstalled", "410")),
        ("failed", 0.3, _failed("bad_device_token", "400")),
        ("failed", 0.2, [*_failed("provider_error", "503"), Event("failed", 31, reason="provider_error")]),
        ("skipped", 2, _skipped("frequency_capped")),
        ("skipped", 2.5, _skipped("quiet_hours")),
        ("skipped", 1.4, _skipped("user_dnd")),
    ],
    "web_push": [
        ("ignored", 46, _SHOWN),
        ("ignored", 35, _PUSH),
        ("ignored", 5, [*_SHOWN, Event("dismissed", 8, 600)]),
        ("engaged", 5, [*_SHOWN, Event("clicked", 9, 1500, agent="human")]),
        ("failed", 5, _failed("invalid_token", "410")),
        ("failed", 0.5, _failed("payload_too_large", "413")),
        ("skipped", 3.5, _skipped("global_frequency_capped")),
    ],
    "sms": [
        ("ignored", 89, _TEXT),
        ("ignored", 2.6, _TEXT[:2]),
        ("ignored", 0.4, [*_TEXT, Event("clicked", 3.4, 8, agent="preview")]),
        ("ignored", 0.2, [*_TEXT, Event("unsubscribed", 100, 6000)]),
        ("engaged", 2.6, [*_TEXT, Event("clicked", 60, 5000, agent="human")]),
        ("engaged", 0.4, [*_TEXT, Event("replied", 120, 6000)]),
        ("failed", 1.2, _failed("invalid_number", "21211")),
        ("failed", 1.1, _failed("carrier_timeout", "30008")),
        ("skipped", 1.5, _skipped("quiet_hours")),
        ("skipped", 1, _skipped("unsubscribed")),
    ],
    "rcs": [
        ("ignored", 35, _CHAT),
        ("ignored", 50, _READ),
        ("engaged", 6, [*_READ, _CHAT_CLICK]),
        ("failed", 6, _failed("profile_unreachable", "404")),
        ("skipped", 3, _skipped("campaign_frequency_capped")),
    ],
    "whatsapp": [
        ("ignored", 22, _CHAT),
        ("ignored", 2.8, [_SENT]),
        ("ignored", 0.2, [*_CHAT, Event("unsubscribed", 90, 5200)]),
        ("engaged", 64, _READ),
        ("engaged", 4, [*_READ, _CHAT_CLICK]),
        ("engaged", 2, [*_READ, Event("replied", 90, 5200)]),
        ("failed", 2, _failed("invalid_number", "131026")),
        ("failed", 0.5, _failed("format_error", "132000")),
        ("skipped", 1.5, _skipped("campaign_dnd")),
        ("skipped", 1, _skipped("not_qualified")),
    ],
    "in_app": [
        ("ignored", 18, [_SENT]),
        ("ignored", 35, _IN_APP),
        ("ignored", 27, [*_IN_APP, Event("dismissed", 34, 9000)]),
        ("engaged", 10, _IN_APP_CLICK),
        ("engaged", 2, [*_IN_APP_CLICK, Event("clicked", 41, 9000, button="more")]),
        ("failed", 1, _failed("render_error", "E_HTML")),
        ("skipped", 4, _skipped("campaign_day_limit")),
        ("skipped", 3, _skipped("not_qualified")),
    ],
    "app_inbox": [
        ("ignored", 52, _INBOX),
        ("ignored", 38, _INBOX_SEEN),
        ("engaged", 7, [*_INBOX_SEEN, Event("clicked", 305, 20000, button="open")]),
        ("failed", 0.5, _failed("internal_error", "500")),
        ("skipped", 2.5, _skipped("campaign_total_limit")),
    ],
    "webhook": [
        ("ignored", 97, [Event("attempted"), Event("sent", 0.2, code="200"), Event("streamed", 0.3)]),
        ("ignored", 1.5, [*_retried("idle_timeout", "504"), Event("streamed", 31.1)]),
        ("failed", 1.5, _failed("provider_error", "500")),
    ],
    "kakaotalk": [
        ("ignored", 90, _CHAT),
        ("failed", 10, _failed("dispatch_error", "1")),
    ],
}

# Any of these makes a message with a failed attempt a success after all.
_BETTER_THAN_FAILED = {
    "sent",
    "delivered",
    "bounced",
    "impression",
    "opened",
    "clicked",
    "dismissed",
    "read",
    "replied",
    "unsubscribed",
    "complained",
}


def sending_status(events: list[Event]) -> str:
    """Return what became of a message with these events: skipped, failed or accepted."""
    types = {event.type for event in events}
    if types == {"skipped"}:
        return "skipped"
    return "failed" if "failed" in types and not types & _BETTER_THAN_FAILED else "accepted"
