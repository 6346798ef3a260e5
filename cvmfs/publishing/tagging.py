# SPDX-License-Identifier: BSD-3-Clause
"""Named snapshots: tags that people give, beside those that publishing makes.

The rules of the genuine tool (swissknife_history.cc): no space in a name; `trunk` and `trunk-previous` are
moved by publishing alone; a tag that exists is moved only to a revision that was asked for. Ours on top:
what `pansoft repo` could take for something else is no name; a tag goes back to an older revision only when
that is said. Tags change no tree, so the revision stays. A tag is moved in one manifest: at no moment is it
nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from core.errors import UserError
from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.history import GENERIC, TRUNK, TRUNK_PREVIOUS, Tag, tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing import reflog
from cvmfs.publishing.repository import Repository, check_whitelisted, commit_tags
from cvmfs.reading.snapshots import find

_NAME = re.compile(r"[^\s/\x00-\x1f\x7f]+")
_NAME_BYTES = 255


class Backward(StrEnum):
    """What becomes of a tag that is to be moved to an older revision than it is on."""

    REFUSE = "refuse"
    MOVE = "move"
    STAY = "stay"


def tag_name(text: str) -> str:
    """Return `text` if it can name a snapshot.

    Raises:
        RepositoryError: it cannot.
    """
    reason = ""
    if text in (TRUNK, TRUNK_PREVIOUS) or text.startswith(GENERIC):
        reason = "publishing makes and moves that tag itself"
    elif text.isdecimal() or _is_date(text):
        reason = "it would be read as a revision or a date"
    elif not _NAME.fullmatch(text) or text in (".", "..") or text.startswith("-"):
        reason = "a name has no spaces and no slashes, and does not begin with a dash"
    elif len(os.fsencode(text)) > _NAME_BYTES:
        reason = f"it is longer than {_NAME_BYTES} bytes"
    if reason:
        raise RepositoryError(
            f"{text!r} cannot name a snapshot: {reason}", hint="take a name like before-upgrade"
        )
    return text


def add_tag(
    repository: Repository,
    keys: RepositoryKeys,
    name: str,
    *,
    at: datetime,
    message: str = "",
    revision: str | int | None = None,
    backward: Backward = Backward.REFUSE,
) -> Tag:
    """Name a revision, by default the current one, and return the tag. Naming it again changes nothing.

    Raises:
        Busy: a transaction is open.
        NotFound: no tag leads to the revision.
        UserError: another revision has the name, and this one was not asked for; or it is a newer one, and
            nobody said that the name may go back.
    """
    name = tag_name(name)
    with repository.locked("tag") as lease:
        check_whitelisted(repository, keys, at)
        tags = {tag.name: tag for tag in tags_of(repository)}
        there = find(list(tags.values()), revision or TRUNK, fqrn=repository.fqrn)
        old = tags.get(name)
        if old is not None and old.root_hash != there.root_hash and revision is None:
            raise UserError(
                f"{name} is revision {old.revision} already",
                hint=f"to move it: pansoft repo tag {name} --revision {there.revision}",
            )
        if old is not None and there.revision < old.revision:
            match backward:
                case Backward.STAY:
                    return old
                case Backward.REFUSE:
                    raise UserError(
                        f"{name} is revision {old.revision}, which is newer than {there.revision}",
                        hint="clients that follow the name would go back with it; if they are to: "
                        f"pansoft repo tag {name} --revision {there.revision} --back",
                    )
                case Backward.MOVE:
                    pass
                case _:
                    assert_never(backward)
        said = message or (old.description if old is not None else "")
        new = replace(there, name=name, description=said)
        if new != old:
            tags[name] = new
            commit_tags(repository, keys, _sorted(tags), lease=lease, published=int(at.timestamp()))
    return new


def remove_tags(
    repository: Repository, keys: RepositoryKeys, names: Sequence[str], *, at: datetime
) -> tuple[Tag, ...]:
    """Remove tags, all or none of them, and return them.

    What only they kept stays for the grace period of a collection: clients may still be there.

    Raises:
        Busy: a transaction is open.
        NotFound: one does not exist.
        RepositoryError: one is moved by publishing.
    """
    with repository.locked("remove tags") as lease:
        check_whitelisted(repository, keys, at)
        tags = {tag.name: tag for tag in tags_of(repository)}
        missing = [name for name in names if name not in tags]
        if missing:
            raise NotFound(
                f"{repository.fqrn} has no tag {', '.join(missing)}",
                hint="see which there are: pansoft repo tag --list",
            )
        managed = [name for name in names if tags[name].is_managed]
        if managed:
            raise RepositoryError(f"{', '.join(managed)} cannot be removed: publishing moves it")
        removed = tuple(tags.pop(name) for name in dict.fromkeys(names))
        if removed:
            now = int(at.timestamp())
            known = reflog.known(
                repository.storage, repository.manifest, reflog.references_of(_sorted(tags))
            )
            still_used = reflog.references_of(replace(tag, timestamp=now) for tag in removed)
            commit_tags(
                repository,
                keys,
                _sorted(tags),
                lease=lease,
                published=now,
                references=reflog.merged(known, still_used),
            )
    return removed


def _sorted(tags: dict[str, Tag]) -> tuple[Tag, ...]:
    return tuple(tags[name] for name in sorted(tags))


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
