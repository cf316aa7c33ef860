"""Read Spark's physical plans, which it gives as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# A column that tells users, entries, messages or events apart: many values, each in few rows.
ROW_KEY = re.compile(r"\b\w*(user_key|user_id|alias_id|reached_id|entry_id|message_id|event_id)#")
# Tables with a row per user, entry, message or event; the excepted ones have one per definition or group.
ROW_TABLE = re.compile(
    r"\.(fct_|stg_\w+_history|stg_contract__"
    r"|int_(?!definitions|goal_versions|nodes_any_version|channel_tracking|journey_period_measures"
    # Changed goal conditions are as few as the goals.
    r"|touched_keys\b.*goal_condition))"
)
OPERATOR = re.compile(r"([ :]*[+:]- )?(.*)")
JOIN_KEYS = re.compile(r"(?:SortMergeJoin|ShuffledHashJoin)(?:\(skew=true\))? \[(.*?)\], \[")
GROUP_KEYS = re.compile(r"Aggregate\(keys=\[(.*?)\], functions=")


@dataclass
class Operator:
    """One operator of a plan, with the operators whose rows it reads."""

    text: str
    children: list[Operator] = field(default_factory=list)

    def walk(self) -> Iterator[Operator]:
        """This operator and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def is_small(self) -> bool:
        """Whether its rows are those of definitions, of the calendar, or of groups of many rows each."""
        grouped = GROUP_KEYS.search(self.text)
        if grouped and not ROW_KEY.search(grouped[1]):
            return True
        if not self.children:
            return not ROW_TABLE.search(self.text)
        return all(child.is_small for child in self.children)

    @property
    def crowds_one_task(self) -> bool:
        """Whether it joins many rows with many, by a key that many rows share."""
        keys = JOIN_KEYS.search(self.text)
        return bool(keys) and not ROW_KEY.search(keys[1]) and not any(side.is_small for side in self.children)


def parse_plan(text: str) -> Operator:
    """The topmost operator of a plan."""
    above: list[tuple[int, Operator]] = []
    for line in text.splitlines():
        indent, operator = OPERATOR.fullmatch(line).groups()
        if above and indent is None:
            # The rest of an operator with a line end in one of its texts.
            above[-1][1].text += line
            continue
        depth = len(indent or "")
        while above and above[-1][0] >= depth:
            above.pop()
        parsed = Operator(operator)
        if above:
            above[-1][1].children.append(parsed)
        above.append((depth, parsed))
    return above[0][1]
