# SPDX-License-Identifier: BSD-3-Clause
"""What a rule asks the policy: the sections that it looks at, as `policy.yaml` has them, with their lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.problems import Position
from core.strict_yaml import Document, Path_, Value
from trust.rules.rule import Rule

_WIDTH: Final = 160
_NAMES: Final = ("name", "rule", "package")
"""What an entry of a list is called by, the first that it has; one that has none is shown whole."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A section of the policy: `safety.bases`, what it says, and where."""

    section: str
    says: str
    where: Position


def sections(rule: Rule) -> tuple[str, ...]:
    """Return the sections of the policy that a rule looks at."""
    return tuple(path.removeprefix("policy.") for path in rule.reads if path.startswith("policy."))


def asked(rule: Rule, policy: Document) -> tuple[Asked, ...]:
    """Return what a policy says where a rule looks.

    Args:
        rule: the rule.
        policy: `policy.yaml`.
    """
    return tuple(_asked(section, policy) for section in sections(rule))


def place(section: str) -> Path_:
    """Return the path of a section in the document."""
    return tuple(section.split("."))


def _asked(section: str, policy: Document) -> Asked:
    path = place(section)
    value: Value = policy.value
    for name in path:
        value = value.get(str(name)) if isinstance(value, dict) else None
    return Asked(section, shortened(_said(value)), policy.where_key(path))


def _said(value: Value) -> str:
    match value:
        case None:
            return "nothing"
        case []:
            return "none"
        case list():
            return ", ".join(_name(item) for item in value)
        case dict():
            return "; ".join(f"{name}: {_said(item)}" for name, item in value.items())
        case _:
            return str(value)


def _name(item: Value) -> str:
    if isinstance(item, dict):
        named = (str(item[key]) for key in _NAMES if key in item)
        return next(named, None) or f"({_said(item)})"
    return str(item)


def shortened(text: str) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
