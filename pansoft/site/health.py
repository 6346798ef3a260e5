# SPDX-License-Identifier: BSD-3-Clause
"""Is a site still as it should be: its files, what it was told, and how long that still counts."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from core.errors import UserError
from core.process import which
from pansoft.site import setup
from pansoft.site.settings import SitePlaces
from pansoft.site.setup import Request, Site
from pansoft.site.writing import Change
from trust.programs import apptainer
from trust.programs.execution_list import Mode

UPDATE = "pansoft site update"


class State(StrEnum):
    """How it stands with one thing."""

    GOOD = "ok"
    NOTE = "note"
    SOON = "soon"
    BAD = "NO"


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that was looked at: how it stands, in a sentence, and what mends it."""

    what: str
    state: State
    said: str
    mend: str | None = None


def look_over(
    places: SitePlaces, *, warn_days: int, mount: Path | None, at: datetime
) -> tuple[Sign, ...]:
    """Return how it stands with a site.

    Args:
        places: of the site.
        warn_days: how many days before its end something is told.
        mount: where the repository is mounted; by default below `/cvmfs`.
        at: now.

    Raises:
        UserError: the site was never set up.
    """
    root = setup.read_root(places.root) if places.settings.is_file() else b""
    if not root:
        raise UserError(
            f"there is no site in {places.state}",
            hint="set it up: pansoft site setup --repository URL --root ROOT.json",
        )
    try:
        site = setup.look(places, Request(), at=at)
    except UserError as err:
        return (Sign("publisher", State.BAD, err.message, err.hint),)
    return tuple(_signs(site, timedelta(days=warn_days), mount, at))


def _signs(site: Site, warn: timedelta, mount: Path | None, at: datetime) -> Iterator[Sign]:
    found = site.publisher
    yield Sign(
        "publisher",
        State.GOOD,
        f"{found.fqrn} revision {found.revision}; {found.namespace} answers for its key "
        f"(root {found.root_version}, of {', '.join(found.facilities)})",
    )
    role, ends = found.expires
    yield _until(
        f"the federation's {role}", ends, warn, at, "whoever runs the federation signs anew"
    )
    yield _until(
        "the whitelist", found.whitelist_expires, warn, at, "whoever has the master key signs anew"
    )
    yield from _files(site)
    yield _signers(site)
    yield _execution_list(site)
    yield _mounted(mount or Path("/cvmfs") / found.fqrn, found.fqrn)


def _until(what: str, ends: datetime, warn: timedelta, at: datetime, mend: str) -> Sign:
    state = State.GOOD if ends - at > warn else State.SOON
    return Sign(
        what,
        state,
        f"counts until {ends:%Y-%m-%d %H:%M} UTC",
        None if state is State.GOOD else mend,
    )


def _files(site: Site) -> Iterator[Sign]:
    other = [each for each in site.changes if each.change is not Change.NONE]
    if not other and not site.left_over:
        yield Sign("files", State.GOOD, f"{len(site.changes)} files are as they should be")
    for each in other:
        mend = f"{UPDATE} --force" if each.change is Change.EDITED else UPDATE
        said = "missing" if each.change is Change.NEW else str(each.change)
        yield Sign("files", State.BAD, f"{each.wanted.path}: {said}", mend)
    for path in site.left_over:
        yield Sign("files", State.BAD, f"{path}: is published no more", UPDATE)


def _signers(site: Site) -> Sign:
    counted = [signer.name for signer in site.policy.signers if signer.disabled is None]
    if not counted:
        return Sign(
            "signers",
            State.BAD,
            "nobody's signature counts here: nothing is accepted",
            f"list a signer in the site's acceptance.yaml, then {UPDATE}",
        )
    return Sign("signers", State.GOOD, ", ".join(counted))


def _execution_list(site: Site) -> Sign:
    what = "Execution Control List"
    if which("apptainer") is None:
        return Sign(what, State.NOTE, "Apptainer is not installed", "pansoft doctor says how")
    if site.settings.execution_list is Mode.OFF:
        return Sign(what, State.NOTE, "off: Apptainer runs whatever it is given")
    if not apptainer.is_setuid():
        return Sign(
            what,
            State.NOTE,
            f"{site.settings.execution_list}; this Apptainer is not set-uid, so a user who brings another "
            "one is not held by it",
        )
    return Sign(what, State.GOOD, str(site.settings.execution_list))


def _mounted(mount: Path, fqrn: str) -> Sign:
    try:
        name = os.getxattr(mount, "user.fqrn").decode("utf-8", "replace")
        revision = os.getxattr(mount, "user.revision").decode("utf-8", "replace")
    except OSError as err:
        reason = "not mounted" if err.errno in _NOT_THERE else str(err.strerror)
        return Sign("mount", State.NOTE, f"{mount}: {reason}")
    if name != fqrn:
        return Sign("mount", State.BAD, f"{mount} shows {name}, not {fqrn}", "mount the right one")
    return Sign("mount", State.GOOD, f"{mount} shows revision {revision}")


_NOT_THERE = {errno.ENOENT, errno.ENODATA, errno.ENOTSUP}
