"""The demo company: its markets, journeys, goals, campaigns and the odds of everything that happens to a message.

Everything here is data. `plans.py` turns it into lookup tables, `generate.py` draws from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MINUTE, HOUR, DAY = 60, 3600, 86400

# country, language, time zone, UTC offset in minutes, currency, weight
MARKETS = [
    ("US", "en", "America/New_York", -240, "USD", 20),
    ("US", "en", "America/Los_Angeles", -420, "USD", 10),
    ("MX", "es", "America/Mexico_City", -360, "USD", 4),
    ("BR", "pt", "America/Sao_Paulo", -180, "USD", 6),
    ("GB", "en", "Europe/London", 60, "EUR", 8),
    ("DE", "de", "Europe/Berlin", 120, "EUR", 10),
    ("FR", "fr", "Europe/Paris", 120, "EUR", 7),
    ("ES", "es", "Europe/Madrid", 120, "EUR", 5),
    ("PL", "pl", "Europe/Warsaw", 120, "EUR", 4),
    ("UA", "uk", "Europe/Kyiv", 180, "EUR", 2),
    ("TR", "tr", "Europe/Istanbul", 180, "EUR", 5),
    ("NG", "en", "Africa/Lagos", 60, "USD", 3),
    ("EG", "ar", "Africa/Cairo", 180, "USD", 2),
    ("IN", "hi", "Asia/Kolkata", 330, "USD", 8),
    ("NP", "ne", "Asia/Kathmandu", 345, "USD", 1),
    ("JP", "ja", "Asia/Tokyo", 540, "USD", 3),
    ("KR", "ko", "Asia/Seoul", 540, "USD", 3),
    ("AU", "en", "Australia/Sydney", 600, "USD", 3),
]

# Local parts of external ids, as people of the world write their names.
NAMES = [
    "Zoë Müller", "José García", "Siân O'Connor", "Søren Ångström", "Łukasz Żak", "Ayşe Yılmaz", "Мария Иванова",
    "Олександр Шевченко", "山田 太郎", "김민준", "王小明", "محمد علي", "नेहा शर्मा", "Chinedu Okafor", 'Ann "Annie" Lee',
    "Nguyễn Thị Hoa", "Γιώργος Παπαδόπουλος", "Ren\u00e9e Dubois", "D'Angelo Smith, Jr.", "Ana María; López",
]  # fmt: skip

# platform, os version, device model, weight
MOBILE = [
    ("android", "15", "Pixel 9", 16),
    ("android", "14", "Galaxy S24", 22),
    ("android", "13", "Redmi Note 12", 14),
    ("ios", "19.1", "iPhone 16", 20),
    ("ios", "18.5", "iPhone 14", 18),
    ("ios", "17.7", "iPhone 11", 6),
    ("huawei", "4.2", "P60", 4),
]
TABLETS = [("ios", "18.5", "iPad Air", 55), ("android", "14", "Galaxy Tab S9", 45)]
BROWSERS = [("windows", "11", "Chrome", 55), ("macos", "15", "Safari", 30), ("web", None, "Firefox", 15)]

HOUR_WEIGHTS = [4, 2, 1, 1, 1, 2, 5, 9, 13, 15, 15, 15, 16, 15, 14, 14, 15, 17, 20, 23, 24, 21, 15, 8]
WEEKDAY_WEIGHTS = [100, 98, 97, 99, 108, 118, 112]  # Monday first
GROWTH = 0.3  # the last day is this much busier than the first


@dataclass(frozen=True)
class Node:
    """One step of a journey; `key` names the same step across versions, the id when absent."""

    id: str
    name: str
    type: str
    channel: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Step:
    """A visit of a node on a path: time spent (fixed plus a random part), message mood, branch taken after it."""

    node: str
    wait: float = 1
    spread: float = 0
    mood: str = "any"
    branch: str | None = None


@dataclass(frozen=True)
class Path:
    """A way through a journey with its share of the entries and the experiment variant it belongs to."""

    share: float
    steps: tuple[Step, ...]
    variant: str | None = None


@dataclass(frozen=True)
class Version:
    """A published version: nodes and paths; `published` is a fraction of the period."""

    id: str
    nodes: tuple[Node, ...]
    paths: tuple[Path, ...]
    published: float = 0


@dataclass(frozen=True)
class Goal:
    """A goal as the tool would configure it."""

    id: str
    name: str
    event: str
    window: int
    anchor: str = "journey_exit"
    filters: str = "[]"
    ends_journey: bool = False
    is_primary: bool = False


@dataclass(frozen=True)
class Conversion:
    """A planted reaction to an entry: with `probability` the user does `event` after `delay` + random `spread`."""

    arm: str
    event: str
    probability: float
    delay: float
    spread: float
    detail: str | None = None


@dataclass(frozen=True)
class Journey:
    """A journey with who enters it, how often, how entries end, and what users do because of it.

    anchor  clock: at any time; signup: when the user signs up; batch: all at once at the start of a window
    rate    entries per user and 30 days (signup: share of new users; once: share of all users)
    """

    id: str
    code: str
    name: str
    type: str
    category: str
    reentry: str
    anchor: str
    rate: float
    versions: tuple[Version, ...]
    goals: tuple[Goal, ...]
    exits: dict[str, float] = field(default_factory=dict)
    cancel_event: str | None = None
    conversions: tuple[Conversion, ...] = ()
    trigger_event: str | None = None
    draws_per_window: int = 1
    period: tuple[float, float] = (0, 1)
    stop: float | None = None
    control_share: float = 0
    has_entry_ids: bool = True


def _start(name: str = "Start") -> Node:
    return Node("start", name, "entry")


END = Node("end", "End of journey", "exit")
ODDS_OF_TROUBLE = {"internal_error": 0.004, "sending_error": 0.006, "force_exit": 0.003, "timeout": 0.002}

JOURNEYS = [
    Journey(
        id="welcome", code="wel", name="Welcome 👋, new customers", type="trigger_based", category="lifecycle",
        reentry="once", anchor="signup", rate=0.9, trigger_event="signup",
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("Signed up"), Node("mail-hello", "Hello mail", "message", "email"),
                    Node("wait-1", "Wait 1 day", "delay"), Node("opened", "Opened the hello mail?", "condition"),
                    Node("push-tips", "Tips push", "message", "push"),
                    Node("mail-again", "Second try: \"still there?\"", "message", "email"),
                    Node("wait-2", "Wait 2 days", "delay"), Node("test-offer", "Which offer?", "experiment"),
                    Node("mail-ten", "10 % off", "message", "email"),
                    Node("mail-ship", "Free shipping", "message", "email"), END,
                ),
                paths=tuple(
                    Path(
                        share,
                        (
                            Step("start"), Step("mail-hello", 2, mood=mood), Step("wait-1", DAY),
                            Step("opened", branch=branch), Step(second, 3), Step("wait-2", 2 * DAY),
                            Step("test-offer", branch=variant), Step(offer, 2), Step("end"),
                        ),
                        variant,
                    )
                    for mood, branch, second, weight in (
                        ("engaged", "yes", "push-tips", 0.34), ("ignored", "no", "mail-again", 0.66),
                    )
                    for variant, offer, share in (("A", "mail-ten", weight / 2), ("B", "mail-ship", weight / 2))
                ),
            ),
        ),
        goals=(
            Goal("first-purchase", "First purchase", "purchase", 7 * DAY, ends_journey=True, is_primary=True),
            Goal("subscribed", "Subscribed", "subscription_started", 14 * DAY, "journey_entry"),
            Goal(
                "used-coupon", "Purchase with the welcome coupon", "purchase", 3 * DAY, "message_clicked",
                '[{"property": "coupon", "op": "eq", "value": "WELCOME10"}]',
            ),
        ),
        exits={**ODDS_OF_TROUBLE, "goal_reached": 0.06, "unsubscribed": 0.004, "user_deleted": 0.002},
        conversions=(
            Conversion("target", "purchase", 0.08, 2 * HOUR, 1.5 * DAY, "welcome"),
            Conversion("target", "subscription_started", 0.03, 6 * HOUR, 3 * DAY, "basic"),
        ),
    ),
    Journey(
        id="cart-recovery", code="cart", name='Cart recovery "Don\'t forget!"', type="trigger_based",
        category="revenue", reentry="after_exit", anchor="clock", rate=0.26, draws_per_window=2,
        trigger_event="cart_abandoned", cancel_event="Order Placed",
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("Cart abandoned"), Node("wait-1h", "Wait 1 hour", "delay"),
                    Node("push-cart", "Your cart is waiting", "message", "push"),
                    Node("wait-day", "Wait for the order, up to 1 day", "wait_event"),
                    Node("mail-cart", "Cart mail", "message", "email"), Node("wait-2d", "Wait 2 days", "delay"),
                    Node("sms-last", "Last call", "message", "sms"), END,
                ),
                paths=(
                    Path(
                        0.7,
                        (
                            Step("start"), Step("wait-1h", HOUR), Step("push-cart", 2), Step("wait-day", DAY),
                            Step("mail-cart", 2), Step("wait-2d", 2 * DAY), Step("sms-last", 2), Step("end"),
                        ),
                    ),
                    Path(
                        0.3,
                        (
                            Step("start"), Step("wait-1h", HOUR), Step("push-cart", 2), Step("wait-day", DAY),
                            Step("mail-cart", 2), Step("end"),
                        ),
                    ),
                ),
            ),
        ),
        goals=(
            Goal("order", "Order placed", "Order Placed", DAY, is_primary=True),
            Goal(
                "big-order", "Order of 3 items or more", "Order Placed", 3 * DAY, "journey_entry",
                '[{"property": "items", "op": "gte", "value": 3}]',
            ),
        ),
        exits={**ODDS_OF_TROUBLE, "cancel_event": 0.17, "unsubscribed": 0.002},
        conversions=(Conversion("target", "Order Placed", 0.04, DAY, 1.5 * DAY),),
    ),
    Journey(
        id="win-back", code="win", name="Win-back", type="audience_based", category="retention",
        reentry="after_cooldown", anchor="batch", rate=0.2, has_entry_ids=False,
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("In segment: inactive 30 days"), Node("mail-miss", "We miss you", "message", "email"),
                    Node("wait-3d", "Wait 3 days", "delay"), Node("sms-gift", "Gift by SMS", "message", "sms"),
                    END,
                ),
                paths=(
                    Path(
                        1,
                        (
                            Step("start", 5), Step("mail-miss", 2), Step("wait-3d", 3 * DAY),
                            Step("sms-gift", 2), Step("end"),
                        ),
                    ),
                ),
            ),
        ),
        goals=(
            Goal("back", "Back in the app", "app_open", 7 * DAY, is_primary=True),
            Goal("bought", "Bought again", "purchase", 14 * DAY),
        ),
        exits={**ODDS_OF_TROUBLE, "audience_no_longer_matched": 0.08, "unsubscribed": 0.01},
        conversions=(
            Conversion("target", "app_open", 0.1, HOUR, 2 * DAY),
            Conversion("target", "purchase", 0.03, DAY, 3 * DAY),
        ),
    ),
    Journey(
        id="onboarding", code="onb", name="App onboarding", type="trigger_based", category="lifecycle",
        reentry="once", anchor="signup", rate=0.75,
        versions=(
            Version(
                "V1",
                nodes=(
                    _start(), Node("mail-tour", "Tour by mail", "message", "email", key="tour"),
                    Node("wait-2d", "Wait 2 days", "delay"),
                    Node("push-profile", "Complete your profile", "message", "push"),
                    Node("wait-3d", "Wait 3 days", "delay"), END,
                ),
                paths=(
                    Path(
                        1,
                        (
                            Step("start"), Step("mail-tour", 2), Step("wait-2d", 2 * DAY),
                            Step("push-profile", 2), Step("wait-3d", 3 * DAY), Step("end"),
                        ),
                    ),
                ),
            ),
            Version(
                "V2",
                nodes=(
                    _start(), Node("inapp-tour", "Tour in the app", "message", "in_app", key="tour"),
                    Node("wait-2d", "Wait 2 days", "delay"),
                    Node("push-profile", "Complete your profile (new text)", "message", "push"),
                    Node("wait-3d", "Wait 3 days", "delay"),
                    Node("inbox-badge", "Badge in the inbox", "message", "app_inbox"), END,
                ),
                paths=(
                    Path(
                        1,
                        (
                            Step("start"), Step("inapp-tour", 2), Step("wait-2d", 2 * DAY),
                            Step("push-profile", 2), Step("wait-3d", 3 * DAY), Step("inbox-badge", 2),
                            Step("end"),
                        ),
                    ),
                ),
                published=0.5,
            ),
        ),
        goals=(Goal("active", "Active in the app", "app_open", 3 * DAY, "journey_entry", is_primary=True),),
        exits=ODDS_OF_TROUBLE,
        conversions=(Conversion("target", "app_open", 0.45, HOUR, 12 * HOUR),),
    ),
    Journey(
        id="price-drop", code="drop", name="Price drop alert", type="trigger_based", category="revenue",
        reentry="concurrent", anchor="clock", rate=0.3, draws_per_window=3,
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("Price of a watched item fell"), Node("channel", "Which channel?", "split"),
                    Node("webpush-drop", "Price drop in the browser", "message", "web_push"),
                    Node("push-drop", "Price drop push", "message", "push"),
                    Node("wait-6h", "Wait 6 hours", "delay"), END,
                ),
                paths=(
                    Path(
                        0.4,
                        (
                            Step("start"), Step("channel", branch="browser"), Step("webpush-drop", 2),
                            Step("wait-6h", 6 * HOUR), Step("end"),
                        ),
                    ),
                    Path(
                        0.6,
                        (
                            Step("start"), Step("channel", branch="app"), Step("push-drop", 2),
                            Step("wait-6h", 6 * HOUR), Step("end"),
                        ),
                    ),
                ),
            ),
        ),
        goals=(
            Goal(
                "bought-after-click", "Bought shoes within a day of the click", "purchase", DAY,
                "message_clicked", '[{"property": "category", "op": "eq", "value": "shoes"}]', is_primary=True,
            ),
            Goal("bought", "Bought anything", "purchase", DAY),
        ),
        exits=ODDS_OF_TROUBLE,
        conversions=(Conversion("target", "purchase", 0.03, 10 * MINUTE, 6 * HOUR, "shoes"),),
    ),
    Journey(
        id="loyalty", code="loy", name="Loyalty points", type="recurring", category="loyalty",
        reentry="after_exit", anchor="clock", rate=0.07,
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("Joined the club"), Node("inapp-points", "Your points", "message", "in_app"),
                    Node("wait-week", "Wait 1 week", "delay"),
                    Node("enough", "Enough points for a gift?", "condition"),
                    Node("inbox-gift", "Your gift", "message", "app_inbox"),
                    Node("hook-crm", "Tell the till", "webhook", "webhook"), END,
                ),
                paths=tuple(
                    Path(
                        share,
                        (
                            Step("start"),
                            *(
                                step
                                for turn in range(1, turns + 1)
                                for step in (
                                    Step("inapp-points", 2), Step("wait-week", 7 * DAY),
                                    Step("enough", branch="yes" if turn == turns else "no"),
                                )
                            ),
                            Step("inbox-gift", 2), Step("hook-crm", 3), Step("end"),
                        ),
                    )
                    for turns, share in ((1, 0.3), (2, 0.3), (3, 0.25), (4, 0.15))
                ),
            ),
        ),
        goals=(
            Goal(
                "redeemed", "Redeemed a coupon", "purchase", 7 * DAY,
                filters='[{"property": "coupon", "op": "exists"}]', is_primary=True,
            ),
        ),
        exits={**ODDS_OF_TROUBLE, "force_exit": 0.02},
        conversions=(Conversion("target", "purchase", 0.15, 3 * DAY, 6 * DAY),),
    ),
    Journey(
        id="flash-sale", code="sale", name="Spring flash sale", type="audience_based", category="campaign",
        reentry="once", anchor="clock", rate=0.25, period=(0.3, 0.5), stop=0.5,
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("In segment: sale lovers"), Node("push-sale", "Sale is on", "message", "push"),
                    Node("wait-2d", "Wait 2 days", "delay"), Node("rcs-sale", "Last day", "message", "rcs"), END,
                ),
                paths=(
                    Path(
                        1,
                        (
                            Step("start"), Step("push-sale", 2), Step("wait-2d", 2 * DAY), Step("rcs-sale", 2),
                            Step("end"),
                        ),
                    ),
                ),
            ),
        ),
        goals=(
            Goal(
                "sale", "Sale of 30 or more", "purchase", 2 * DAY,
                filters='[{"property": "total", "op": "gte", "value": 30}]', is_primary=True,
            ),
        ),
        exits=ODDS_OF_TROUBLE,
        conversions=(Conversion("target", "purchase", 0.07, HOUR, DAY),),
    ),
    Journey(
        id="vip-upsell", code="vip", name="VIP upsell (control group 20 %)", type="audience_based",
        category="revenue", reentry="once", anchor="clock", rate=0.2, period=(0, 0.7), control_share=0.2,
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("In segment: regular buyers"), Node("mail-vip", "Become a VIP", "message", "email"),
                    Node("wait-4d", "Wait 4 days", "delay"), Node("push-vip", "VIP trial", "message", "push"), END,
                ),
                paths=(
                    Path(
                        1,
                        (
                            Step("start"), Step("mail-vip", 2), Step("wait-4d", 4 * DAY), Step("push-vip", 2),
                            Step("end"),
                        ),
                    ),
                ),
            ),
        ),
        goals=(
            Goal(
                "vip", "VIP plan", "subscription_started", 14 * DAY, "journey_entry",
                '[{"property": "plan", "op": "eq", "value": "vip"}]', is_primary=True,
            ),
        ),
        exits=ODDS_OF_TROUBLE,
        # Nothing else produces plan = vip, so the observed rates estimate exactly these probabilities.
        conversions=(
            Conversion("target", "subscription_started", 0.12, HOUR, 2.5 * DAY, "vip"),
            Conversion("control", "subscription_started", 0.09, HOUR, 2.5 * DAY, "vip"),
        ),
    ),
    Journey(
        id="order-update", code="ord", name="Order update", type="api_triggered", category="transactional",
        reentry="concurrent", anchor="clock", rate=0.22, trigger_event="Order Placed",
        versions=(
            Version(
                "V1",
                nodes=(
                    _start("Order placed"), Node("wa-confirm", "Order confirmed", "message", "whatsapp"),
                    Node("hook-erp", "Tell the warehouse", "webhook", "webhook"),
                    Node("wait-ship", "Wait for shipping", "wait_event"),
                    Node("read", "Read on WhatsApp?", "condition"),
                    Node("wa-ship", "On its way", "message", "whatsapp"),
                    Node("sms-ship", "On its way (SMS)", "message", "sms"), END,
                ),
                paths=(
                    Path(
                        0.75,
                        (
                            Step("start"), Step("wa-confirm", 2, mood="engaged"), Step("hook-erp", 2),
                            Step("wait-ship", 8 * HOUR, DAY), Step("read", branch="yes"), Step("wa-ship", 2),
                            Step("end"),
                        ),
                    ),
                    Path(
                        0.25,
                        (
                            Step("start"), Step("wa-confirm", 2, mood="ignored"), Step("hook-erp", 2),
                            Step("wait-ship", 8 * HOUR, DAY), Step("read", branch="no"), Step("sms-ship", 2),
                            Step("end"),
                        ),
                    ),
                ),
            ),
        ),
        goals=(
            Goal("tracked", "Opened the tracking page", "app_open", 2 * DAY, "message_engaged", is_primary=True),
        ),
        exits=ODDS_OF_TROUBLE,
        conversions=(Conversion("target", "app_open", 0.4, HOUR, 8 * HOUR, "tracking"),),
    ),
]  # fmt: skip

NEVER_ENTERED_SHARE = 0.03  # qualified, but stopped by a cap before entering
STUCK_SHARE = 0.01  # entries that never end
CLICK_TO_PURCHASE = 0.12  # purchases that follow a click within hours


@dataclass(frozen=True)
class Blast:
    """A one-off campaign outside journeys, repeated every `every` days, sent to `share` of the users."""

    code: str
    name: str
    channel: str
    every: int
    first: int
    share: float
    variants: tuple[tuple[str, float], ...] = ()


BLASTS = [
    Blast("news", "Weekly picks", "email", 7, 2, 0.35, (("A", 0.5), ("B", 0.5))),
    Blast("deal", "Deal of the fortnight", "push", 14, 5, 0.25, (("A", 0.4), ("B", 0.4), ("holdout-copy", 0.2))),
    Blast("sms", "Month-end sale", "sms", 30, 26, 0.15),
    Blast("wa", "New collection", "whatsapp", 30, 12, 0.05),
    Blast("talk", "Seoul pilot", "kakaotalk", 30, 3, 0.004),
]

# channel -> (endpoint type, needs, provider, cost of an accepted message in USD)
CHANNELS = {
    "push": ("push_token", "mobile", "FCM", 0),
    "web_push": ("web_subscription", "browser", "VAPID", 0),
    "email": ("email", "email", "SES", 0.0001),
    "sms": ("phone", "phone", "SmsGate", 0.0075),
    "rcs": ("phone", "phone", "RcsHub", 0.009),
    "whatsapp": ("phone", "phone", "WABA", 0.014),
    "in_app": ("device", "first", None, 0),
    "app_inbox": ("device", "first", None, 0),
    "webhook": ("url", "url", None, 0),
    "kakaotalk": ("phone", "phone", "KakaoBiz", 0.01),
}


@dataclass(frozen=True)
class Event:
    """One event of a message: type, delay after sending (fixed plus random spread, seconds), details."""

    type: str
    delay: float = 0
    spread: float = 0
    reason: str | None = None
    bounce: str | None = None
    agent: str | None = None
    flagged: bool | None = None
    button: str | None = None
    route: str | None = None
    code: str | None = None


def _failed(reason: str, code: str) -> list[Event]:
    return [Event("attempted"), Event("failed", 0.5, reason=reason, code=code)]


def _skipped(reason: str) -> list[Event]:
    return [Event("skipped", reason=reason)]


_SENT = Event("sent", 0.2)
_MAIL = [_SENT, Event("delivered", 2, 5)]
_OPEN = Event("opened", 90, 9000, agent="human", flagged=False)
_OPEN_AGAIN = Event("opened", 7300, 20000, agent="human", flagged=False)
_CLICK = Event("clicked", 110, 9100, agent="human", flagged=False)
_CLICK_AGAIN = Event("clicked", 150, 9300, agent="human", flagged=False)
_MACHINE_OPEN = Event("opened", 3, 5, agent="proxy", flagged=True)

_PUSH = [_SENT, Event("delivered", 0.8, 3)]
_SHOWN = Event("impression", 1, 3)
_TAP = Event("opened", 20, 3000)

# channel -> [(mood, share, events)]; mood engaged / ignored / failed can be asked for by a step
OUTCOMES: dict[str, list[tuple[str, float, list[Event]]]] = {
    "email": [
        ("ignored", 0.5560, _MAIL),
        ("engaged", 0.1600, [*_MAIL, _OPEN]),
        ("engaged", 0.0400, [*_MAIL, _OPEN, _OPEN_AGAIN]),
        ("ignored", 0.1100, [*_MAIL, _MACHINE_OPEN]),
        ("engaged", 0.0200, [*_MAIL, _MACHINE_OPEN, _OPEN]),
        ("engaged", 0.0220, [*_MAIL, _OPEN, _CLICK]),
        ("engaged", 0.0060, [*_MAIL, _OPEN, _CLICK, _CLICK_AGAIN]),
        ("ignored", 0.0040, [*_MAIL, Event("clicked", 2.7, 5, agent="human")]),  # a scanner posing as a person
        ("ignored", 0.0030, [*_MAIL, Event("clicked", 20, 5, agent="scanner")]),
        ("ignored", 0.0020, [*_MAIL, Event("clicked", 2.9, 5, agent="scanner", flagged=True)]),
        ("engaged", 0.0014, [*_MAIL, _OPEN, Event("unsubscribed", 200, 9500)]),
        ("engaged", 0.0003, [*_MAIL, _OPEN, Event("unsubscribed", 200, 9500), Event("resubscribed", 999, 9900)]),
        ("engaged", 0.0003, [*_MAIL, _OPEN, Event("complained", 300, 9500)]),
        (
            "ignored", 0.0050,
            [_SENT, Event("bounced", 5, 20, reason="invalid_address", bounce="hard", code="550 5.1.1")],
        ),
        (
            "ignored", 0.0080,
            [_SENT, Event("bounced", 9, 60, reason="mailbox_full", bounce="soft", code="452 4.2.2")],
        ),
        (
            "ignored", 0.0010,
            [
                _SENT, Event("bounced", 9, 60, reason="mailbox_full", bounce="soft", code="452 4.2.2"),
                Event("delivered", 900, 3600),
            ],
        ),
        ("ignored", 0.0005, [_SENT, Event("bounced", 9, 60, reason="provider_error", bounce="block", code="554")]),
        (
            "ignored", 0.0005,
            [*_MAIL, Event("bounced", 600, 3600, reason="invalid_address", bounce="hard", code="550 5.1.1")],
        ),
        ("ignored", 0.0050, [_SENT, Event("deferred", 4, reason="provider_throttled"), Event("delivered", 60, 600)]),
        ("failed", 0.0020, _failed("render_error", "E_TEMPLATE")),
        ("failed", 0.0010, _failed("personalization_failed", "E_FIELD")),
        ("failed", 0.0010, _failed("provider_error", "503")),
        ("skipped", 0.0200, _skipped("frequency_capped")),
        ("skipped", 0.0150, _skipped("unsubscribed")),
        ("skipped", 0.0080, _skipped("suppressed")),
        ("skipped", 0.0080, _skipped("quiet_hours")),
    ],
    "push": [
        ("ignored", 0.2800, _PUSH),
        ("ignored", 0.4700, [*_PUSH, _SHOWN]),
        ("ignored", 0.0600, [_SENT]),
        ("ignored", 0.0300, [*_PUSH, _SHOWN, Event("dismissed", 15, 4000)]),
        ("engaged", 0.0200, [*_PUSH, _SHOWN, _TAP]),
        ("engaged", 0.0150, [*_PUSH, _SHOWN, _TAP, Event("clicked", 20.1, 3000)]),
        ("engaged", 0.0060, [*_PUSH, _SHOWN, _TAP, Event("clicked", 20.1, 3000, button="open-offer")]),
        ("engaged", 0.0030, [*_PUSH, _TAP, Event("opened", 400, 3100)]),
        ("ignored", 0.0120, [_SENT, Event("delivered", 40, 300, route="amplification"),
                             Event("impression", 41, 300, route="amplification")]),
        ("ignored", 0.0005, [*_PUSH, _SHOWN, Event("snoozed", 30, 60)]),
        ("ignored", 0.0040, [*_failed("provider_throttled", "429"), Event("sent", 31, route="retry"),
                             Event("delivered", 32, 5, route="retry")]),
        ("failed", 0.0200, _failed("invalid_token", "400")),
        ("failed", 0.0150, _failed("app_uninstalled", "410")),
        ("failed", 0.0030, _failed("bad_device_token", "400")),
        ("failed", 0.0020, [*_failed("provider_error", "503"),
                            Event("failed", 31, reason="provider_error", code="503", route="retry")]),
        ("skipped", 0.0200, _skipped("frequency_capped")),
        ("skipped", 0.0250, _skipped("quiet_hours")),
        ("skipped", 0.0145, _skipped("user_dnd")),
    ],
    "web_push": [
        ("ignored", 0.3500, _PUSH),
        ("ignored", 0.4600, [*_PUSH, _SHOWN]),
        ("ignored", 0.0500, [*_PUSH, _SHOWN, Event("dismissed", 8, 600)]),
        ("engaged", 0.0500, [*_PUSH, _SHOWN, Event("clicked", 9, 1500, agent="human")]),
        ("failed", 0.0500, _failed("invalid_token", "410")),
        ("failed", 0.0050, _failed("payload_too_large", "413")),
        ("skipped", 0.0350, _skipped("global_frequency_capped")),
    ],
    "sms": [
        ("ignored", 0.8900, [Event("queued"), _SENT, Event("delivered", 3, 8)]),
        ("ignored", 0.0260, [Event("queued"), _SENT]),
        ("engaged", 0.0260, [Event("queued"), _SENT, Event("delivered", 3, 8), Event("clicked", 60, 5000,
                                                                                      agent="human")]),
        ("ignored", 0.0040, [Event("queued"), _SENT, Event("delivered", 3, 8), Event("clicked", 3.4, 8,
                                                                                      agent="preview")]),
        ("engaged", 0.0040, [Event("queued"), _SENT, Event("delivered", 3, 8), Event("replied", 120, 6000)]),
        ("ignored", 0.0020, [Event("queued"), _SENT, Event("delivered", 3, 8), Event("unsubscribed", 100, 6000)]),
        ("failed", 0.0120, _failed("invalid_number", "21211")),
        ("failed", 0.0110, _failed("carrier_timeout", "30008")),
        ("skipped", 0.0150, _skipped("quiet_hours")),
        ("skipped", 0.0100, _skipped("unsubscribed")),
    ],
    "rcs": [
        ("ignored", 0.3500, [_SENT, Event("delivered", 2, 10)]),
        ("ignored", 0.5000, [_SENT, Event("delivered", 2, 10), Event("read", 60, 6000)]),
        ("engaged", 0.0600, [_SENT, Event("delivered", 2, 10), Event("read", 60, 6000), Event("clicked", 75, 6100,
                                                                                               agent="human")]),
        ("failed", 0.0600, _failed("profile_unreachable", "404")),
        ("skipped", 0.0300, _skipped("campaign_frequency_capped")),
    ],
    "whatsapp": [
        ("ignored", 0.2200, [_SENT, Event("delivered", 2, 10)]),
        ("engaged", 0.6400, [_SENT, Event("delivered", 2, 10), Event("read", 45, 5000)]),
        ("engaged", 0.0400, [_SENT, Event("delivered", 2, 10), Event("read", 45, 5000),
                             Event("clicked", 60, 5100, agent="human")]),
        ("engaged", 0.0200, [_SENT, Event("delivered", 2, 10), Event("read", 45, 5000), Event("replied", 90, 5200)]),
        ("ignored", 0.0020, [_SENT, Event("delivered", 2, 10), Event("unsubscribed", 90, 5200)]),
        ("ignored", 0.0280, [_SENT]),
        ("failed", 0.0200, _failed("invalid_number", "131026")),
        ("failed", 0.0050, _failed("format_error", "132000")),
        ("skipped", 0.0150, _skipped("campaign_dnd")),
        ("skipped", 0.0100, _skipped("not_qualified")),
    ],
    "in_app": [
        ("ignored", 0.1800, [_SENT]),
        ("ignored", 0.3500, [_SENT, Event("impression", 30, 9000)]),
        ("ignored", 0.2700, [_SENT, Event("impression", 30, 9000), Event("dismissed", 34, 9000)]),
        ("engaged", 0.1000, [_SENT, Event("impression", 30, 9000), Event("clicked", 38, 9000, button="cta")]),
        ("engaged", 0.0200, [_SENT, Event("impression", 30, 9000), Event("clicked", 38, 9000, button="cta"),
                             Event("clicked", 41, 9000, button="more")]),
        ("failed", 0.0100, _failed("render_error", "E_HTML")),
        ("skipped", 0.0400, _skipped("campaign_day_limit")),
        ("skipped", 0.0300, _skipped("not_qualified")),
    ],
    "app_inbox": [
        ("ignored", 0.5200, [_SENT, Event("delivered", 1, 3, route="app_inbox")]),
        ("ignored", 0.3800, [_SENT, Event("delivered", 1, 3, route="app_inbox"), Event("impression", 300, 20000)]),
        ("engaged", 0.0700, [_SENT, Event("delivered", 1, 3, route="app_inbox"), Event("impression", 300, 20000),
                             Event("clicked", 305, 20000, button="open")]),
        ("failed", 0.0050, _failed("internal_error", "500")),
        ("skipped", 0.0250, _skipped("campaign_total_limit")),
    ],
    "webhook": [
        ("ignored", 0.9700, [Event("attempted"), Event("sent", 0.2, code="200"), Event("streamed", 0.3)]),
        ("ignored", 0.0150, [*_failed("idle_timeout", "504"), Event("sent", 31, code="200", route="retry"),
                             Event("streamed", 31.1)]),
        ("failed", 0.0150, _failed("provider_error", "500")),
    ],
    "kakaotalk": [("ignored", 0.9, [_SENT, Event("delivered", 2, 5)]), ("failed", 0.1, _failed("dispatch_error", "1"))],
}  # fmt: skip

AGENTS = {
    "human": "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
    "proxy": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "scanner": "Mozilla/5.0 (compatible; BarracudaCentral; +https://www.barracudacentral.org/)",
    "preview": "WhatsApp/2.25 A",
}

# event, chance per user and window of the period (windows of 10 days)
BACKGROUND = [("app_open", 0.65), ("purchase", 0.05), ("Order Placed", 0.02), ("subscription_started", 0.004)]
BACKGROUND_DRAWS = {"app_open": 2}
