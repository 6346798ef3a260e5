# SPDX-License-Identifier: BSD-3-Clause
"""SPDX licence expressions, read strictly: identifiers as SPDX writes them, operators in capitals.

`LicenseRef-…` names a licence that SPDX does not list. This is the only module that knows the
library `license-expression`, whose own validation accepts aliases and any case.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import license_expression

_REFERENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+\Z")
_SMALL_OPERATOR = re.compile(r"(?<=\s)(and|or|with)(?=\s)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Expression:
    """A licence expression as it was written, what is wrong with it, and the licences it names.

    `keys` has each licence once, sorted; exceptions after WITH are not among them.
    """

    text: str
    problems: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Return whether nothing is wrong with it."""
        return not self.problems


def parse(text: str) -> Expression:
    """Read a licence expression. It never fails: what is wrong stands in `problems`."""
    for operator in _SMALL_OPERATOR.findall(text):
        if operator != operator.upper():
            return _broken(text, f"write '{operator}' as {operator.upper()}")
    try:
        parsed = license_expression.Licensing().parse(text)
    except (license_expression.ExpressionError, IndexError, AssertionError) as err:
        # the library's own slips: IndexError for "()", AssertionError for "MIT AND ( AND ISC"
        said = f": {err}" if isinstance(err, license_expression.ExpressionError) else ""
        shown = text if len(text) <= 80 else text[:77] + "..."
        return _broken(text, f"'{shown}' is not a licence expression{said[:200]}")
    if parsed is None:
        return _broken(text, "it is empty")
    keys: set[str] = set()
    exceptions: set[str] = set()
    for symbol in parsed.symbols:
        pair = isinstance(symbol, license_expression.LicenseWithExceptionSymbol)
        keys.add(symbol.license_symbol.key if pair else symbol.key)
        if pair:
            exceptions.add(symbol.exception_symbol.key)
    problems = [_fault(key, exception=False) for key in sorted(keys)]
    problems += [_fault(key, exception=True) for key in sorted(exceptions)]
    return Expression(text, tuple(filter(None, problems)), tuple(sorted(keys)))


def canonical(text: str) -> str | None:
    """Return an expression as SPDX writes it: `bsd-3-clause or gpl-2.0+` gets its capitals and today's
    names; None where it names a licence that SPDX does not list.
    """
    words = []
    for word in re.findall(r"[()]|[^\s()]+", text):
        spelt = word.upper() if word.lower() in ("and", "or", "with", "(", ")") else _spelt(word)
        if spelt is None:
            return None
        words.append(spelt)
    expression = " ".join(words).replace("( ", "(").replace(" )", ")")
    return expression if parse(expression).is_valid else None


def _spelt(key: str) -> str | None:
    return key if _REFERENCE.match(key) else _spellings().get(key.lower())


@cache
def _spellings() -> Mapping[str, str]:
    """Return how SPDX writes each identifier today, by how it is written in small letters."""
    renamed = {old.lower(): new for old, new in _renamed().items()}
    return {**renamed, **{key.lower(): key for key in _identifiers()}}


def _broken(text: str, problem: str) -> Expression:
    return Expression(text, (problem,), ())


def _fault(key: str, *, exception: bool) -> str | None:
    """Return what is wrong with one identifier, or None."""
    if _REFERENCE.match(key):
        return None
    listed = _identifiers()
    what = "exception" if exception else "licence"
    if key in listed and listed[key] is exception:
        return None
    if key in listed:
        other = "a licence, not an exception" if exception else "an exception; write it after WITH"
        return f"'{key}' is {other}"
    if key in _renamed():
        return f"SPDX no longer has '{key}'; write '{_renamed()[key]}'"
    candidates = [name for name, is_exception in listed.items() if is_exception is exception]
    same = [name for name in candidates if name.lower() == key.lower()]
    near = same or difflib.get_close_matches(key, candidates, n=1, cutoff=0.7)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return f"SPDX has no {what} '{key}'{meant}"


@cache
def _identifiers() -> Mapping[str, bool]:
    """Return the identifiers of the SPDX list, each with whether it is an exception."""
    return {
        entry["spdx_license_key"]: bool(entry["is_exception"])
        for entry in license_expression.get_license_index()
        if entry.get("spdx_license_key") and not entry.get("is_deprecated")
        if not entry["spdx_license_key"].startswith("LicenseRef-")
    }


@cache
def _renamed() -> Mapping[str, str]:
    """Return what SPDX calls today what it once called otherwise: GPL-3.0 is GPL-3.0-only."""
    return {
        old: entry["spdx_license_key"]
        for entry in license_expression.get_license_index()
        for old in entry.get("other_spdx_license_keys", ())
        if entry.get("spdx_license_key") and not old.startswith("LicenseRef-")
    }
