# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of fields that the sections of a policy are made of, and the days in them."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from core.problems import Problem
from core.schema import Schema
from core.strict_yaml import Document, Path_

FINGERPRINT: Final = r"[0-9A-F]{40}"
DAY: Final = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
PATTERN: Final = r"[a-z0-9*?.\[\]-]+"
"""A name of a package, a base or a repository, or a pattern of such names."""
ROLE: Final = r"[a-z][a-z0-9-]*"
FACILITY: Final = r"[a-z0-9][a-z0-9-]*"


def text(description: str, **rules: Any) -> dict[str, Any]:
    """Return the rules of a text; `example`, `hint` and `pattern` go into its description."""
    meta = {"description": description}
    for key in ("example", "hint", "pattern"):
        if key in rules:
            meta[key] = rules.pop(key)
    return {"type": "string", "empty": False, "meta": meta, **rules}


def day(description: str, **rules: Any) -> dict[str, Any]:
    """Return the rules of a day; that there is such a day is for `read_day` to say."""
    return text(description, regex=DAY, pattern="a day like 2026-01-31", **rules)


def whole_number(description: str, **rules: Any) -> dict[str, Any]:
    """Return the rules of a whole number."""
    return {"type": "integer", "meta": {"description": description}, **rules}


def flag(description: str, **rules: Any) -> dict[str, Any]:
    """Return the rules of a yes or no."""
    return {"type": "boolean", "meta": {"description": description}, **rules}


def listing(description: str, item: dict[str, Any], **rules: Any) -> dict[str, Any]:
    """Return the rules of a list."""
    return {"type": "list", "schema": item, "meta": {"description": description}, **rules}


def mapping(description: str, fields: Schema, **rules: Any) -> dict[str, Any]:
    """Return the rules of a mapping that must be there, unless `required` says otherwise."""
    return {
        "type": "dict",
        "schema": fields,
        "required": True,
        "meta": {"description": description},
        **rules,
    }


def one_of(*choices: str, **rules: Any) -> dict[str, Any]:
    """Return the rules of an item that is one of a few words."""
    return {"type": "string", "allowed": list(choices), "meta": {}, **rules}


def matching(regex: str, pattern: str) -> dict[str, Any]:
    """Return the rules of an item of a certain form; `pattern` is the form in words."""
    return {"type": "string", "regex": regex, "meta": {"pattern": pattern}}


def read_day(
    document: Document, path: Path_, text: str | None, problems: list[Problem]
) -> date | None:
    """Return the day that a field names; one that is in no calendar is a problem."""
    if text is None:
        return None
    found = day_of(text)
    if found is None:
        problems.append(
            Problem(
                document.where(path), "policy-day", f"there is no day {text}", hint="see a calendar"
            )
        )
    return found


def day_of(text: str) -> date | None:
    """Return the day that `YYYY-MM-DD` names, or None if there is no such day."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
