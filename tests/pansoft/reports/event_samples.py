# SPDX-License-Identifier: BSD-3-Clause
"""A week of a facility's event log, made up: runs of a pipeline, with what goes wrong in one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.events import Event, Result, Stage, line_of

NIGHT = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)
_TIMES = {
    "ptypy": (21.4, 4.2),
    "hdf5-tools": (3.6, 1.1),
    "nexpy": (33.0, 12.7),
    "pyfai": (71.2, 28.4),
    "silx": (58.9, 31.6),
    "tomopy": (184.3, 44.0),
}
"""What building and testing a package takes."""


def event(
    minutes: float,
    stage: Stage,
    package: str | None = None,
    *,
    trace: str = "pipeline-4711",
    result: Result = Result.DONE,
    seconds: float | None = None,
    size: int | None = None,
    rule: str | None = None,
    message: str | None = None,
    verb: str = "apply",
    version: str | None = "1.0",
) -> Event:
    """Return an event so many minutes after the first night began."""
    return Event(
        began=NIGHT + timedelta(minutes=minutes),
        trace=trace,
        verb=verb,
        stage=stage,
        result=result,
        package=package,
        version=version if package else None,
        plan="ab" * 32 if package else None,
        seconds=seconds,
        bytes=size,
        rule=rule,
        message=message,
    )


def write_log(file: Path, events: list[Event]) -> None:
    """Write a log."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(line_of(item) for item in events))


def week() -> list[Event]:
    """Return seven nights of `apply` on two builders, in which a test fails and a licence is refused."""
    return sorted((e for night in range(7) for e in _night(night)), key=lambda e: e.began)


def _night(night: int) -> Iterator[Event]:
    trace, start = f"pipeline-{4700 + night}", night * 24 * 60.0
    new = {"silx", "pyfai"} if night in (1, 5) else {"nexpy"} if night in (3, 4) else set()
    if night in (0, 6):
        new = set(_TIMES)

    def one(at: float, stage: Stage, package: str | None = None, **more: object) -> Event:
        return event(start + at / 60, stage, package, trace=trace, **more)  # type: ignore[arg-type]

    yield one(0, Stage.PLAN, seconds=6.1)
    for package in sorted(set(_TIMES) - new):
        yield one(6.1, Stage.PUBLISH, package, result=Result.REUSED)
    at = 6.2
    if new:
        yield one(at, Stage.FETCH, seconds=18.5 * len(new), size=41_300_000 * len(new))
        at += 18.5 * len(new)
        seconds = 96.0 if night in (0, 6) else 0.1
        reused = Result.REUSED if seconds < 1 else Result.DONE
        yield one(
            at,
            Stage.BASE,
            "debian-12-python",
            version=None,
            result=reused,
            seconds=seconds,
            size=167_700_000 if seconds > 1 else 0,
        )
        at += seconds
    ends = [at, at]  # of two builders
    for package in sorted(new, key=lambda name: -_TIMES[name][0]):
        build, test = _TIMES[package]
        begin = min(ends)
        ends[ends.index(begin)] = begin + build
        yield one(begin, Stage.BUILD, package, seconds=build, size=int(build * 1e6))
        broken = package == "nexpy" and night in (3, 6)
        yield one(
            begin + build,
            Stage.TEST,
            package,
            seconds=test,
            result=Result.FAILED if broken else Result.DONE,
            message="3 of 4 passed" if broken else None,
        )
        refused = broken or (package == "ptypy" and night == 6)
        yield one(
            begin + build + test,
            Stage.SIGN,
            package,
            seconds=2.4,
            result=Result.REFUSED if refused else Result.DONE,
            rule=None if not refused else "tests-passed" if broken else "licence-allowed",
            message=f"{package} 1.0 is not signed, the policy refuses it" if refused else None,
        )
    yield one(
        max(ends) + 60, Stage.PUBLISH, seconds=14.0 if new else 0.8, size=9_000_000 * len(new)
    )
