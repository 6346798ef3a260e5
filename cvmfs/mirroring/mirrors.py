# SPDX-License-Identifier: BSD-3-Clause
"""Several servers of one repository, looked at from outside and held against each other.

Each is read as a client reads it, verified from the public key. A mirror may lag: it is behind only when what
it lacks has been out for longer than it was given. Two roots under one revision number are never all
right: clients of the two see different software.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.errors import UserError
from cvmfs.errors import NotFound
from cvmfs.format.hashes import ContentHash
from cvmfs.format.history import tags_of
from cvmfs.format.manifest import MANIFEST
from cvmfs.mirroring.replicate import LAST_SNAPSHOT, name_in
from cvmfs.publishing.server_status import STATUS, status_time
from cvmfs.reading.reader import open_reader
from cvmfs.sources.fetch import Source


@dataclass(frozen=True, slots=True)
class State:
    """What a server serves. `latency_s` is how long a signed file takes on an open connection."""

    fqrn: str
    revision: int
    root_hash: ContentHash
    published: datetime
    whitelist_expires: datetime
    last_snapshot: datetime | None
    latency_s: float
    times: tuple[tuple[int, datetime], ...]
    """Revisions that have a tag, and when they were published."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A server, and what it serves or why that cannot be said."""

    url: str
    state: State | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about a server that somebody has to look at."""

    url: str
    message: str


def look(
    urls: Sequence[str],
    public_key: Path,
    *,
    at: datetime,
    fqrn: str | None = None,
    proxies: str = "",
) -> tuple[Mirror, ...]:
    """Return what each server serves, in their order; all are asked at once.

    Args:
        urls: `http://host/cvmfs/<fqrn>`, or folders.
        public_key: the file with the master public key.
        at: the time at which whitelists have to be valid.
        fqrn: the name that the repository has to have; by default the end of the addresses.
        proxies: what they are asked through, as `CVMFS_HTTP_PROXY` has them.

    Raises:
        UserError: the addresses end with several names.
    """
    names = sorted({fqrn} if fqrn else {name_in(url) for url in urls})
    if len(names) > 1:
        raise UserError(
            f"these are several repositories: {', '.join(names)}",
            hint="compare the servers of one, or say its name with --fqrn",
        )

    def one(url: str) -> Mirror:
        try:
            return Mirror(url, _state(url, names[0], public_key, at, proxies))
        except UserError as err:
            return Mirror(url, None, err.message)

    with ThreadPoolExecutor(max(len(urls), 1)) as pool:
        return tuple(pool.map(one, urls))


def alarms(
    mirrors: Sequence[Mirror], *, at: datetime, max_age: timedelta, warn: timedelta
) -> tuple[Alarm, ...]:
    """Return what is wrong with some servers of one repository, sorted by server.

    Args:
        mirrors: the servers.
        at: now.
        max_age: how long a mirror may lack a revision, and how long it may go without an update.
        warn: how long before its end a whitelist has to be signed anew.
    """
    found = [Alarm(mirror.url, mirror.fault) for mirror in mirrors if mirror.state is None]
    states = [(mirror.url, mirror.state) for mirror in mirrors if mirror.state is not None]
    for url, state in states:
        found += [
            Alarm(url, message)
            for message in (
                _split(state, states),
                _behind(state, [other for _, other in states], at, max_age),
                _not_updated(state, at, max_age),
                _expiring(state, at, warn),
            )
            if message
        ]
    return tuple(sorted(found, key=lambda alarm: alarm.url))


# -- looking


def _state(url: str, fqrn: str, public_key: Path, at: datetime, proxies: str) -> State:
    with open_reader(url, fqrn, public_key, at=at, proxies=proxies) as reader:
        manifest = reader.manifest
        return State(
            fqrn=fqrn,
            revision=manifest.revision,
            root_hash=manifest.root_hash,
            published=datetime.fromtimestamp(manifest.published, UTC),
            whitelist_expires=reader.whitelist.expires,
            last_snapshot=_last_snapshot(reader.location.source),
            latency_s=_latency(reader.location.source),
            times=tuple(sorted({(tag.revision, tag.time) for tag in tags_of(reader)})),
        )


def _last_snapshot(source: Source) -> datetime | None:
    """Return when a replica was last updated; None for a Stratum 0, which never is."""
    try:
        status = json.loads(source.get(STATUS))
        return status_time(str(status["last_snapshot"]))
    except (NotFound, ValueError, KeyError, TypeError, RecursionError):
        pass  # a server may say anything here
    try:
        return status_time(source.get(LAST_SNAPSHOT).decode("utf-8", "replace"))
    except NotFound:
        return None


def _latency(source: Source) -> float:
    begun = time.monotonic()
    source.get(MANIFEST)
    return time.monotonic() - begun


# -- judging


def _split(state: State, states: Sequence[tuple[str, State]]) -> str:
    others = [
        url
        for url, other in states
        if other.revision == state.revision and other.root_hash != state.root_hash
    ]
    if not others:
        return ""
    return (
        f"split view: its revision {state.revision} has the root {state.root_hash}, "
        f"that of {', '.join(others)} another"
    )


def _behind(state: State, states: Sequence[State], at: datetime, max_age: timedelta) -> str:
    newest = max(states, key=lambda other: other.revision)
    newer = [time for revision, time in newest.times if revision > state.revision]
    if newest.revision == state.revision:
        return ""
    lag = at - min([*newer, newest.published])
    if lag <= max_age:
        return ""
    return (
        f"behind: has revision {state.revision} of {newest.revision}, "
        f"lacks what was published {readable_age(lag)} ago"
    )


def _not_updated(state: State, at: datetime, max_age: timedelta) -> str:
    if state.last_snapshot is None or at - state.last_snapshot <= max_age:
        return ""
    return f"was last updated {readable_age(at - state.last_snapshot)} ago"


def _expiring(state: State, at: datetime, warn: timedelta) -> str:
    if state.whitelist_expires - at >= warn:
        return ""
    return f"its whitelist expires in {readable_age(state.whitelist_expires - at)}"


def readable_age(age: timedelta) -> str:
    """Return a time span as people say it: `3 d 4 h`, `2 h 5 min`, `40 s`."""
    minutes, seconds = divmod(max(int(age.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"
