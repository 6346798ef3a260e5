# SPDX-License-Identifier: BSD-3-Clause
"""What a rule saw: the fields of the evidence that it looks at, in words. None is said as what it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from trust.evidence import Evidence
from trust.explain.asked import shortened
from trust.rules.rule import Rule

UNKNOWN: Final = "not known: nobody looked"
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Seen:
    """A field of the evidence, `release.channel`, and what it holds; `known` is whether anybody looked."""

    field: str
    holds: str
    known: bool


def fields(rule: Rule) -> tuple[str, ...]:
    """Return the fields of the evidence that a rule looks at."""
    return tuple(
        path.removeprefix("evidence.") for path in rule.reads if path.startswith("evidence.")
    )


def seen(rule: Rule, evidence: Evidence) -> tuple[Seen, ...]:
    """Return what the evidence holds where a rule looks."""
    return tuple(_seen(field, evidence) for field in fields(rule))


def _seen(field: str, evidence: Evidence) -> Seen:
    value: Any = evidence  # Any: any of the types that evidence is made of
    for name in field.split("."):
        value = getattr(value, name) if value is not None else None
    return Seen(field, UNKNOWN if value is None else shortened(_said(value)), value is not None)


def _said(value: Any) -> str:  # Any: as above
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case tuple():
            more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
            return (", ".join(_said(item) for item in value[:_SHOWN]) or "none") + more
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            each = (f"{f.name} {_said(getattr(value, f.name))}" for f in dataclasses.fields(value))
            return "; ".join(each)
        case _:
            return str(value)
