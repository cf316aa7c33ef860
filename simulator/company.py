"""The demo company as data: markets, devices, journeys, goals and campaigns."""

from __future__ import annotations

import re
from dataclasses import dataclass

HOUR, DAY = 3600, 86400

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

# Names as people of the world write them: the readable part of external ids.
NAMES = [
    "Zoë Müller",
    "José García",
    "Siân O'Connor",
    "Søren Ångström",
    "Łukasz Żak",
    "Ayşe Gül",
    "Мария Иванова",
    "山田 太郎",
    "김민준",
    "王小明",
    "محمد علي",
    "नेहा शर्मा",
    "Chinedu Okafor",
    'Ann "Annie" Lee',
    "Nguyễn Thị Hoa",
    "Γιώργος Παπαδόπουλος",
    "D'Angelo Smith, Jr.",
    "Ana María; López",
]

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
    """A visit of a node: seconds spent (fixed plus random part), mood of the message, branch taken then."""

    node: str
    wait: float
    spread: float
    mood: str
    branch: str | None


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
    """A goal as the tool would configure it; the window is in seconds, `where` is one filter."""

    id: str
    name: str
    event: str
    window: int
    anchor: str = "journey_exit"
    where: tuple[str, str, str | int | None] | None = None
    ends_journey: bool = False
    is_primary: bool = False


@dataclass(frozen=True)
class Conversion:
    """A planted reaction to an entry: with `probability` the user does `event` after `delay` + `spread`."""

    event: str
    probability: float
    delay: float
    spread: float
    detail: str | None = None
    arm: str = "target"


@dataclass(frozen=True)
class Journey:
    """A journey with who enters it, how often, how entries end, and what users do because of it.

    anchor  clock: at any time; signup: when the user signs up; batch: all at once at the start of a window
    rate    entries per user and 30 days; reentry `once`: share of the users (signup: of the new users)
    exits   reason -> share of the entries that end early
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
    exits: dict[str, float]
    conversions: tuple[Conversion, ...]
    cancel_event: str | None = None
    trigger_event: str | None = None
    draws_per_window: int = 1
    period: tuple[float, float] = (0, 1)
    stop: float | None = None
    control_share: float = 0
    has_entry_ids: bool = True


_UNITS = {"s": 1, "h": HOUR, "d": DAY}
_STEP = re.compile(r"([\w-]+)(?:=(\d+)([shd])(?:~(\d+)([shd]))?)?(?:/(\w+))?(?::(\w+))?")


def _path(share: float, steps: str, variant: str | None = None) -> Path:
    """Return a path from text: `node`, `node=8h~1d` (wait and random part), `node/engaged`, `node:branch`."""
    visits = []
    for token in steps.split():
        node, wait, unit, spread, spread_unit, mood, branch = _STEP.fullmatch(token).groups()
        visits.append(
            Step(
                node,
                int(wait) * _UNITS[unit] if wait else 1,
                int(spread) * _UNITS[spread_unit] if spread else 0,
                mood or "any",
                branch,
            )
        )
    return Path(share, tuple(visits), variant)


def _start(name: str) -> Node:
    return Node("start", name, "entry")


END = Node("end", "End of journey", "exit")
TROUBLE = {"internal_error": 0.004, "sending_error": 0.006, "force_exit": 0.003, "timeout": 0.002}

JOURNEYS = [
    Journey(
        id="welcome",
        code="wel",
        name="Welcome 👋, new customers",
        type="trigger_based",
        category="lifecycle",
        reentry="once",
        anchor="signup",
        rate=0.9,
        trigger_event="signup",
        versions=(
            Version(
                "V1",
                (
                    _start("Signed up"),
                    Node("mail-hello", "Hello mail", "message", "email"),
                    Node("wait-1", "Wait 1 day", "delay"),
                    Node("opened", "Opened the hello mail?", "condition"),
                    Node("push-tips", "Tips push", "message", "push"),
                    Node("mail-again", 'Second try: "still there?"', "message", "email"),
                    Node("wait-2", "Wait 2 days", "delay"),
                    Node("test-offer", "Which offer?", "experiment"),
                    Node("mail-ten", "10 % off", "message", "email"),
                    Node("mail-ship", "Free shipping", "message", "email"),
                    END,
                ),
                tuple(
                    _path(
                        share / 2,
                        f"start mail-hello/{mood} wait-1=1d opened:{branch} {then} wait-2=2d "
                        f"test-offer:{variant} {offer} end",
                        variant,
                    )
                    for share, mood, branch, then in (
                        (0.34, "engaged", "yes", "push-tips"),
                        (0.66, "ignored", "no", "mail-again"),
                    )
                    for variant, offer in (("A", "mail-ten"), ("B", "mail-ship"))
                ),
            ),
        ),
        goals=(
            Goal("first-purchase", "First purchase", "purchase", 7 * DAY, ends_journey=True, is_primary=True),
            Goal("subscribed", "Subscribed", "subscription_started", 14 * DAY, "journey_entry"),
            Goal(
                "used-coupon",
                "Purchase with the welcome coupon",
                "purchase",
                3 * DAY,
                "message_clicked",
                ("coupon", "eq", "WELCOME10"),
            ),
        ),
        exits={**TROUBLE, "goal_reached": 0.06, "unsubscribed": 0.004, "user_deleted": 0.002},
        conversions=(
            Conversion("purchase", 0.08, 2 * HOUR, 1.5 * DAY, "welcome"),
            Conversion("subscription_started", 0.03, 6 * HOUR, 3 * DAY, "basic"),
        ),
    ),
    Journey(
        id="cart-recovery",
        code="cart",
        name='Cart recovery "Don\'t forget!"',
        type="trigger_based",
        category="revenue",
        reentry="after_exit",
        anchor="clock",
        rate=0.26,
        draws_per_window=2,
        trigger_event="cart_abandoned",
        cancel_event="Order Placed",
        versions=(
            Version(
                "V1",
                (
                    _start("Cart abandoned"),
                    Node("wait-1h", "Wait 1 hour", "delay"),
                    Node("push-cart", "Your cart is waiting", "message", "push"),
                    Node("wait-day", "Wait for the order, up to 1 day", "wait_event"),
                    Node("mail-cart", "Cart mail", "message", "email"),
                    Node("wait-2d", "Wait 2 days", "delay"),
                    Node("sms-last", "Last call", "message", "sms"),
                    END,
                ),
                (
                    _path(0.7, "start wait-1h=1h push-cart wait-day=1d mail-cart wait-2d=2d sms-last end"),
                    _path(0.3, "start wait-1h=1h push-cart wait-day=1d mail-cart end"),
                ),
            ),
        ),
        goals=(
            Goal("order", "Order placed", "Order Placed", DAY, is_primary=True),
            Goal(
                "big-order",
                "Order of 3 items or more",
                "Order Placed",
                3 * DAY,
                "journey_entry",
                ("items", "gte", 3),
            ),
        ),
        exits={**TROUBLE, "cancel_event": 0.17, "unsubscribed": 0.002},
        conversions=(Conversion("Order Placed", 0.04, DAY, 1.5 * DAY),),
    ),
    Journey(
        id="win-back",
        code="win",
        name="Win-back",
        type="audience_based",
        category="retention",
        reentry="after_cooldown",
        anchor="batch",
        rate=0.2,
        has_entry_ids=False,
        versions=(
            Version(
                "V1",
                (
                    _start("In segment: inactive 30 days"),
                    Node("mail-miss", "We miss you", "message", "email"),
                    Node("wait-3d", "Wait 3 days", "delay"),
                    Node("sms-gift", "Gift by SMS", "message", "sms"),
                    END,
                ),
                (_path(1, "start=5s mail-miss wait-3d=3d sms-gift end"),),
            ),
        ),
        goals=(
            Goal("bought", "Bought again", "purchase", 14 * DAY, is_primary=True),
            Goal("back", "Back in the app", "app_open", 7 * DAY),
        ),
        exits={**TROUBLE, "audience_no_longer_matched": 0.08, "unsubscribed": 0.01},
        conversions=(
            Conversion("app_open", 0.1, HOUR, 2 * DAY),
            Conversion("purchase", 0.03, DAY, 3 * DAY),
        ),
    ),
    Journey(
        id="onboarding",
        code="onb",
        name="App onboarding",
        type="trigger_based",
        category="lifecycle",
        reentry="once",
        anchor="signup",
        rate=0.75,
        versions=(
            Version(
                "V1",
                (
                    _start("Installed the app"),
                    Node("mail-tour", "Tour by mail", "message", "email", key="tour"),
                    Node("wait-2d", "Wait 2 days", "delay"),
                    Node("push-profile", "Complete your profile", "message", "push"),
                    Node("wait-3d", "Wait 3 days", "delay"),
                    END,
                ),
                (_path(1, "start mail-tour wait-2d=2d push-profile wait-3d=3d end"),),
            ),
            Version(
                "V2",
                (
                    _start("Installed the app"),
                    Node("inapp-tour", "Tour in the app", "message", "in_app", key="tour"),
                    Node("wait-2d", "Wait 2 days", "delay"),
                    Node("push-profile", "Complete your profile (new text)", "message", "push"),
                    Node("wait-3d", "Wait 3 days", "delay"),
                    Node("inbox-badge", "Badge in the inbox", "message", "app_inbox"),
                    END,
                ),
                (_path(1, "start inapp-tour wait-2d=2d push-profile wait-3d=3d inbox-badge end"),),
                published=0.5,
            ),
        ),
        goals=(Goal("active", "Active in the app", "app_open", 3 * DAY, "journey_entry", is_primary=True),),
        exits=TROUBLE,
        conversions=(Conversion("app_open", 0.45, HOUR, 12 * HOUR),),
    ),
    Journey(
        id="price-drop",
        code="drop",
        name="Price drop alert",
        type="trigger_based",
        category="revenue",
        reentry="concurrent",
        anchor="clock",
        rate=0.3,
        draws_per_window=3,
        versions=(
            Version(
                "V1",
                (
                    _start("Price of a watched item fell"),
                    Node("channel", "Which channel?", "split"),
                    Node("webpush-drop", "Price drop in the browser", "message", "web_push"),
                    Node("push-drop", "Price drop push", "message", "push"),
                    Node("wait-6h", "Wait 6 hours", "delay"),
                    END,
                ),
                (
                    _path(0.3, "start channel:browser webpush-drop wait-6h=6h end"),
                    _path(0.1, "start channel:browser webpush-drop/engaged wait-6h=6h end"),
                    _path(0.45, "start channel:app push-drop wait-6h=6h end"),
                    _path(0.15, "start channel:app push-drop/engaged wait-6h=6h end"),
                ),
            ),
        ),
        goals=(
            Goal(
                "shoes-after-click",
                "Bought shoes within a day of the click",
                "purchase",
                DAY,
                "message_clicked",
                ("category", "eq", "shoes"),
                is_primary=True,
            ),
            Goal("bought", "Bought anything", "purchase", DAY),
        ),
        exits=TROUBLE,
        conversions=(Conversion("purchase", 0.03, 600, 6 * HOUR, "shoes"),),
    ),
    Journey(
        id="loyalty",
        code="loy",
        name="Loyalty points",
        type="recurring",
        category="loyalty",
        reentry="after_exit",
        anchor="clock",
        rate=0.07,
        versions=(
            Version(
                "V1",
                (
                    _start("Joined the club"),
                    Node("inapp-points", "Your points", "message", "in_app"),
                    Node("wait-week", "Wait 1 week", "delay"),
                    Node("enough", "Enough points for a gift?", "condition"),
                    Node("inbox-gift", "Your gift", "message", "app_inbox"),
                    Node("hook-crm", "Tell the till", "webhook", "webhook"),
                    END,
                ),
                tuple(
                    _path(
                        share,
                        "start "
                        + "inapp-points wait-week=7d enough:no " * (turns - 1)
                        + "inapp-points wait-week=7d enough:yes inbox-gift hook-crm end",
                    )
                    for turns, share in ((1, 0.3), (2, 0.3), (3, 0.25), (4, 0.15))
                ),
            ),
        ),
        goals=(
            Goal(
                "redeemed",
                "Redeemed a coupon",
                "purchase",
                7 * DAY,
                where=("coupon", "exists", None),
                is_primary=True,
            ),
        ),
        exits={**TROUBLE, "force_exit": 0.02},
        conversions=(Conversion("purchase", 0.15, 3 * DAY, 6 * DAY),),
    ),
    Journey(
        id="flash-sale",
        code="sale",
        name="Spring flash sale",
        type="audience_based",
        category="campaign",
        reentry="once",
        anchor="clock",
        rate=0.25,
        period=(0.3, 0.5),
        stop=0.5,
        versions=(
            Version(
                "V1",
                (
                    _start("In segment: sale lovers"),
                    Node("push-sale", "Sale is on", "message", "push"),
                    Node("wait-2d", "Wait 2 days", "delay"),
                    Node("rcs-sale", "Last day", "message", "rcs"),
                    END,
                ),
                (_path(1, "start push-sale wait-2d=2d rcs-sale end"),),
            ),
        ),
        goals=(
            Goal(
                "sale", "Sale of 30 or more", "purchase", 2 * DAY, where=("total", "gte", 30), is_primary=True
            ),
        ),
        exits=TROUBLE,
        conversions=(Conversion("purchase", 0.07, HOUR, DAY),),
    ),
    Journey(
        id="vip-upsell",
        code="vip",
        name="VIP upsell (control group 20 %)",
        type="audience_based",
        category="revenue",
        reentry="once",
        anchor="clock",
        rate=0.35,
        period=(0, 0.7),
        control_share=0.2,
        versions=(
            Version(
                "V1",
                (
                    _start("In segment: regular buyers"),
                    Node("mail-vip", "Become a VIP", "message", "email"),
                    Node("wait-4d", "Wait 4 days", "delay"),
                    Node("push-vip", "VIP trial", "message", "push"),
                    END,
                ),
                (_path(1, "start mail-vip wait-4d=4d push-vip end"),),
            ),
        ),
        goals=(
            Goal(
                "vip",
                "VIP plan",
                "subscription_started",
                14 * DAY,
                "journey_entry",
                ("plan", "eq", "vip"),
                is_primary=True,
            ),
        ),
        exits=TROUBLE,
        # Nothing else produces plan = vip, so the observed rates estimate exactly these probabilities.
        conversions=(
            Conversion("subscription_started", 0.12, HOUR, 2.5 * DAY, "vip"),
            Conversion("subscription_started", 0.09, HOUR, 2.5 * DAY, "vip", arm="control"),
        ),
    ),
    Journey(
        id="order-update",
        code="ord",
        name="Order update",
        type="api_triggered",
        category="transactional",
        reentry="concurrent",
        anchor="clock",
        rate=0.22,
        trigger_event="Order Placed",
        versions=(
            Version(
                "V1",
                (
                    _start("Order placed"),
                    Node("wa-confirm", "Order confirmed", "message", "whatsapp"),
                    Node("hook-erp", "Tell the warehouse", "webhook", "webhook"),
                    Node("wait-ship", "Wait for shipping", "wait_event"),
                    Node("read", "Read on WhatsApp?", "condition"),
                    Node("wa-ship", "On its way", "message", "whatsapp"),
                    Node("sms-ship", "On its way (SMS)", "message", "sms"),
                    END,
                ),
                (
                    _path(0.75, "start wa-confirm/engaged hook-erp wait-ship=8h~1d read:yes wa-ship end"),
                    _path(0.25, "start wa-confirm/ignored hook-erp wait-ship=8h~1d read:no sms-ship end"),
                ),
            ),
        ),
        goals=(
            Goal(
                "tracked", "Opened the tracking page", "app_open", 2 * DAY, "message_engaged", is_primary=True
            ),
        ),
        exits=TROUBLE,
        conversions=(Conversion("app_open", 0.4, HOUR, 8 * HOUR, "tracking"),),
    ),
]

CONTROL_JOURNEY = "vip-upsell"
NEVER_ENTERED_SHARE = 0.03  # qualified, but stopped by a cap before entering
STUCK_SHARE = 0.01  # entries that never end
CLICK_TO_PURCHASE = 0.2  # purchases that follow a click within hours


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
    Blast("deal", "Deal of the fortnight", "push", 14, 5, 0.25, (("A", 0.4), ("B", 0.4), ("C", 0.2))),
    Blast("sms", "Month-end sale", "sms", 30, 26, 0.15),
    Blast("wa", "New collection", "whatsapp", 30, 12, 0.05),
    Blast("talk", "Seoul pilot", "kakaotalk", 30, 3, 0.02),
]

# What users do on their own: event -> (tries per 10 days, chance of each)
BACKGROUND = {
    "app_open": (2, 0.65),
    "purchase": (1, 0.05),
    "Order Placed": (1, 0.02),
    "subscription_started": (1, 0.004),
}
