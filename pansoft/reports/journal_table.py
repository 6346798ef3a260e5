# SPDX-License-Identifier: BSD-3-Clause
"""The journal as people and programs read it: a paragraph for each run, or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from catalog import codec
from core.canonical import Json
from pansoft.journal import Run

_SHOWN = 8  # of the packages of a revision


def in_words(runs: Sequence[Run], *, is_under_way: bool) -> str:
    """Return what runs did, the newest last; `is_under_way` is whether one is at work right now."""
    if not runs:
        return "nothing was applied here yet"
    return "\n".join(
        line
        for place, run in enumerate(runs, start=1)
        for line in _lines(run, is_under_way=is_under_way and place == len(runs))
    )


def as_json(runs: Sequence[Run], *, is_under_way: bool) -> list[Json]:
    """Return the same for programs, with `state` as it is told to people."""
    told: list[Json] = []
    for place, run in enumerate(runs, start=1):
        facts = codec.to_json(run)
        assert isinstance(facts, dict)  # noqa: S101 - for mypy: a dataclass is an object
        state = _state(run, is_under_way=is_under_way and place == len(runs))
        told.append({"state": state, **facts})
    return told


def _lines(run: Run, *, is_under_way: bool) -> Iterator[str]:
    began, state = run.began, _state(run, is_under_way=is_under_way)
    if began.commit is None:
        commit = "no commit"
    else:
        commit = f"commit {began.commit[:12]}{' and changes' if began.changed else ''}"
    yield f"{began.at}  {state:<9}  {commit}, by {began.by} ({began.user}), run {began.trace}"
    for each in run.published:
        yield f"    {each.at}  revision {each.revision}: {_some(each.packages) or 'no new package'}"
    if run.interrupted is not None:
        what = "is publishing" if is_under_way else "was publishing when it was killed:"
        yield f"    {run.interrupted.at}  {what} {_some(run.interrupted.packages)}"
    if run.ended is None and not is_under_way:
        yield f"    {_followed(run)}"
    if run.ended is not None:
        if not run.published and not run.ended.said:
            yield f"    nothing to do: revision {began.revision}"
        yield from (f"    {said}" for said in run.ended.said)


def _state(run: Run, *, is_under_way: bool) -> str:
    if run.ended is not None:
        return str(run.ended.result)
    return "under way" if is_under_way else "not ended"


def _followed(run: Run) -> str:
    """Return what is known of a run that was killed."""
    if run.next is None:
        return "no run followed yet: the next one goes on where it was"
    known = run.published[-1].revision if run.published else run.began.revision
    if run.next.revision == known:
        return f"the next run, of {run.next.at}, found nothing newer published"
    return (
        f"the next run, of {run.next.at}, found revision {run.next.revision}, "
        "which this one did not come to tell of"
    )


def _some(packages: Sequence[str]) -> str:
    more = f" and {len(packages) - _SHOWN} more" if len(packages) > _SHOWN else ""
    return f"{', '.join(packages[:_SHOWN])}{more}"
