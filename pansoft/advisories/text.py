# SPDX-License-Identifier: BSD-3-Clause
"""What a look for vulnerabilities found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from catalog.words import plain
from core.canonical import Json
from pansoft.advisories.holdings import Holder
from pansoft.advisories.scan import Known, Passed, Row, Scan
from pansoft.advisories.sources import Answer
from pansoft.advisories.sources.withdrawn import is_withdrawal

SCHEMA = 1
_SHOWN = 6


def lines(found: Scan, remedies: Mapping[Row, Sequence[str]]) -> Iterator[str]:
    """Yield the lines for people: rows, what is let pass, who was asked.

    Words of advisories are strangers': each of these is one line, without what moves a terminal.
    """
    for line in _lines(found, remedies):
        words = " ".join(plain(line).split())
        yield f"{line[: len(line) - len(line.lstrip(' '))]}{words}"


def _lines(found: Scan, remedies: Mapping[Row, Sequence[str]]) -> Iterator[str]:
    for row in found.rows:
        yield from _row(row, remedies[row])
    for passed in found.passed:
        yield (
            f"ignored until {passed.by.until}: {passed.id} in {passed.name} {passed.version} "
            f"({_some(passed.holders)}): {passed.by.reason}"
        )
    if found.lesser:
        yield f"less bad than was asked for: {found.lesser}"
    packages = len(found.holdings.holders)
    yield f"{len(found.holdings.held)} components of {packages} packages, {len(found.rows)} to do"
    for answer in found.answers:
        yield f"  {answer.source}: {in_words(answer)}"
    for each in found.holdings.unknown:
        yield f"  cannot be looked into: {each}"


def in_words(answer: Answer) -> str:
    """Return how much a source was asked and, where it was not, why: that is no good news."""
    said = [f"asked about {answer.asked}"] if answer.asked else []
    if answer.not_asked:
        said.append(answer.not_asked if answer.asked else f"not asked: {answer.not_asked}")
    elif not answer.asked:
        said.append("nothing of its kind")
    return "; ".join(said)


def _row(row: Row, remedies: Sequence[str]) -> Iterator[str]:
    others = [each.name for each in row.components if each.name != row.name]
    yield f"{row.name} {row.version}" + (f" ({_some(others)})" if others else "")
    for known in alike(row.known):
        yield f"    {_known(known)}"
    yield f"    in {_some(row.holders)}"
    for remedy in remedies:
        yield f"    do {remedy}"


def alike(known: Iterable[Known]) -> tuple[tuple[Known, ...], ...]:
    """Return vulnerabilities in groups of which there is the same to say but for the id."""
    groups: dict[tuple[object, ...], list[Known]] = {}
    for each in known:
        same = (each.level, each.fixed_in, each.summary, each.ended, is_withdrawal(each.id))
        groups.setdefault(same, []).append(each)
    return tuple(tuple(group) for group in groups.values())


def _known(group: Sequence[Known]) -> str:
    known = group[0]
    fixed = f"fixed in {known.fixed_in}" if known.fixed_in else "no mended version known"
    said = ", ".join(each.id for each in group)
    if not is_withdrawal(known.id):
        said += f": {level_of(known)}, {fixed}"
    if known.ended:
        said += f"; was ignored until {known.ended.until}"
    return f"{said}: {known.summary}" if known.summary else said


def level_of(known: Known) -> str:
    """Return how bad it is, in a word."""
    return known.level.name.lower() if known.level is not None else "severity not said"


def _some(things: Iterable[Holder | str]) -> str:
    told = [str(each) for each in things]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more


def as_json(found: Scan, remedies: Mapping[Row, Sequence[str]]) -> dict[str, Json]:
    """Return all of it, for programs; `schema` is 1."""
    return {
        "schema": SCHEMA,
        "components": len(found.holdings.held),
        "packages": [_holder(each) for each in found.holdings.holders],
        "not_looked_into": list(found.holdings.unknown),
        "sources": [
            {
                "name": each.source,
                "asked": each.asked,
                "not_asked": each.not_asked,
                "fault": each.is_fault,
            }
            for each in found.answers
        ],
        "alarms": [_row_json(row, remedies[row]) for row in found.rows],
        "ignored": [_passed_json(each) for each in found.passed],
        "lesser": found.lesser,
    }


def _row_json(row: Row, remedies: Sequence[str]) -> dict[str, Json]:
    return {
        "name": row.name,
        "version": row.version,
        "components": [each.purl for each in row.components],
        "level": row.level.name.lower() if row.level is not None else None,
        "fixed_in": row.fixed_in,
        "advisories": [
            {
                "id": each.id,
                "summary": each.summary,
                "level": each.level.name.lower() if each.level is not None else None,
                "fixed_in": each.fixed_in,
                "sources": list(each.sources),
                "was_ignored_until": str(each.ended.until) if each.ended else None,
            }
            for each in row.known
        ],
        "packages": [_holder(each) for each in row.holders],
        "do": list(remedies),
    }


def _passed_json(passed: Passed) -> dict[str, Json]:
    return {
        "id": passed.id,
        "name": passed.name,
        "version": passed.version,
        "reason": passed.by.reason,
        "by": passed.by.by,
        "until": str(passed.by.until),
        "packages": [_holder(each) for each in passed.holders],
    }


def _holder(holder: Holder) -> dict[str, Json]:
    return {"name": holder.name, "version": holder.version, "published": holder.is_published}
