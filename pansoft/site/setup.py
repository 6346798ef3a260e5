# SPDX-License-Identifier: BSD-3-Clause
"""Setting a site up, and bringing it up to date: learn, decide what every file should be, write.

The second time is like the first. Nothing is written before everything was verified and compared; the
settings, which say how each file was left, are written around the files, so a run that was killed is
finished by the next one.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from core.errors import Refused, UserError
from core.files import exclusive_lock, write_atomic
from pansoft.site import acceptance, publisher, settings, system_files, writing
from pansoft.site.publisher import Memory, Publisher
from pansoft.site.settings import Remembered, SitePlaces, SiteSettings
from pansoft.site.writing import Care, FileChange, Wanted
from trust.policy import TrustPolicy
from trust.programs.execution_list import Mode

_DEFAULT_LIST = Mode.OFF  # docs/decisions/0033-what-a-site-writes.md
_ROOT_LIMIT = 4 << 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What setup is asked for; None is what it was the last time, or the default.

    Args:
        repository: the addresses of the repository, or its folder.
        root: the federation's root.
        metadata: where the federation's metadata is, if not in the repository.
        namespace: who has to answer for the repository's key.
        prefix: the folder that stands for `/`.
        execution_list: whether Apptainer controls SIF files.
        proxies: what `CVMFS_HTTP_PROXY` is to be.
    """

    repository: str | None = None
    root: bytes | None = None
    metadata: str | None = None
    namespace: str | None = None
    prefix: Path | None = None
    execution_list: Mode | None = None
    proxies: str | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A site as it should be: what was learned and every file, with what is to be done about it."""

    settings: SiteSettings
    publisher: Publisher
    policy: TrustPolicy
    changes: tuple[FileChange, ...]
    left_over: tuple[Path, ...]

    @property
    def is_up_to_date(self) -> bool:
        """Return whether nothing is to be done."""
        return not self.left_over and all(
            each.change is writing.Change.NONE for each in self.changes
        )


def look(places: SitePlaces, request: Request, *, at: datetime) -> Site:
    """Return the site as it should be and what there is to do; nothing of it is written.

    Raises:
        Refused: something at the publisher's is not as it must be.
        UserError: the site was never set up and the request lacks something.
    """
    before = settings.load_if_any(places)
    with _memory_for_a_look(places, _root(places, before, request)) as memory:
        return _look(places, before, request, memory=memory, at=at)


def set_up(
    places: SitePlaces, request: Request, *, force: bool, at: datetime
) -> tuple[Site, tuple[Path, ...]]:
    """Make the site as it should be; return it and the copies of files that were written over.

    Args:
        places: of the site.
        request: what is asked for.
        force: write over files that somebody has edited, and keep a copy of each.
        at: now.

    Raises:
        Refused: something at the publisher's is not as it must be; nothing is written then.
        UserError: a file was edited, or cannot be written.
    """
    with exclusive_lock(places.lock, purpose="set the site up", wait=True):
        before = settings.load_if_any(places)
        root = _root(places, before, request)
        site = _look(places, before, request, memory=publisher.memory_of(places, root), at=at)
        known = before.written if before else {}
        wanted = [each.wanted for each in site.changes]
        writing.check(site.changes, force=force)
        write_atomic(places.root, root)
        settings.store(places, Remembered(site.settings, _either(known, writing.hashes(wanted))))
        kept = writing.write(site.changes)
        for path in site.left_over:
            path.unlink(missing_ok=True)
        settings.store(places, Remembered(site.settings, writing.hashes(wanted)))
    return site, kept


def _look(
    places: SitePlaces,
    before: Remembered | None,
    request: Request,
    *,
    memory: Memory,
    at: datetime,
) -> Site:
    was = before.settings if before else None
    asked = _asked(was, request)
    found = publisher.learn(
        _root(places, before, request),
        asked.source,
        metadata=asked.metadata,
        namespace=asked.namespace or None,
        memory=memory,
        proxies=asked.proxies or "",
        at=at,
    )
    if was is not None and found.fqrn != was.fqrn:
        raise UserError(
            f"this site uses {was.fqrn}, not {found.fqrn}",
            hint="a second repository has a state folder of its own: pansoft --state DIR site setup …",
        )
    policy_files = _policy_files(places, found)
    with _staged(policy_files, places) as folder:
        policy, _ = acceptance.load_site_policy(folder)
        keys = system_files.keys_of(policy.signers, at=at)
    chosen = replace(asked, fqrn=found.fqrn, namespace=found.namespace)
    files = (*policy_files, *system_files.wanted(chosen, found.public_key, keys))
    known = before.written if before else {}
    return Site(
        replace(chosen, fingerprints=tuple(sorted(key.fingerprint for key in keys))),
        found,
        policy,
        writing.compare(files, written=known),
        writing.left_over(files, written=known),
    )


def _asked(was: SiteSettings | None, request: Request) -> SiteSettings:
    """Return what is asked for, completed by what was asked for the last time."""
    repository = request.repository or (was.repository if was else None)
    if repository is None:
        raise UserError(
            "nobody has said yet which repository the site uses",
            hint="pansoft site setup --repository URL --root ROOT.json",
        )
    blank = SiteSettings(
        repository=repository,
        fqrn="",
        namespace="",
        prefix="/",
        configuration="",
        execution_list=_DEFAULT_LIST,
    )
    old = was or blank
    source = settings.source_of(repository)
    return replace(
        old,
        repository=repository if isinstance(source, str) else str(source.absolute()),
        metadata=_default(request.metadata, old.metadata),
        namespace=_default(request.namespace, old.namespace),
        prefix=str(_default(request.prefix, Path(old.prefix)).absolute()),
        configuration=old.configuration or str(system_files.configuration_folder()),
        execution_list=_default(request.execution_list, old.execution_list),
        proxies=_default(request.proxies, old.proxies),
    )


def _default(given: T | None, otherwise: T) -> T:
    return otherwise if given is None else given


def _root(places: SitePlaces, before: Remembered | None, request: Request) -> bytes:
    if request.root is not None:
        return request.root
    if before is None:
        raise UserError(
            "the federation's root is needed: it is what everything else is believed from",
            hint="ask whoever runs the federation for it, on a safe way: --root ROOT.json",
        )
    return read_root(places.root)


def read_root(file: Path) -> bytes:
    """Return the content of a root of the federation.

    Raises:
        UserError: it cannot be read.
        Refused: it is much larger than any.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(_ROOT_LIMIT + 1)
    except OSError as err:
        raise UserError(f"the root {file} cannot be read: {err.strerror}") from err
    if len(content) > _ROOT_LIMIT:
        raise Refused(f"{file} is larger than any root of a federation")
    return content


@contextlib.contextmanager
def _memory_for_a_look(places: SitePlaces, root: bytes) -> Iterator[Memory]:
    """Give the folders of what was seen; where the site is not set up they are gone afterwards."""
    if places.settings.is_file():
        yield publisher.memory_of(places, root)
        return
    with tempfile.TemporaryDirectory(prefix="pansoft-site-") as name:
        yield publisher.memory_of(SitePlaces(Path(name)), root)


def _policy_files(places: SitePlaces, found: Publisher) -> tuple[Wanted, ...]:
    """Return the files of the site's policy: the published ones, and the site's own where it is new."""
    theirs = [
        Wanted(places.policy / path, content) for path, content in sorted(found.policy.items())
    ]
    beginning = acceptance.BEGINNING.encode()
    return (*theirs, Wanted(places.policy / acceptance.FILE_NAME, beginning, Care.FIRST))


@contextlib.contextmanager
def _staged(files: tuple[Wanted, ...], places: SitePlaces) -> Iterator[Path]:
    """Give the folder of the policy as it will be: the files, and what the site itself has put there."""
    own = places.policy
    with tempfile.TemporaryDirectory(prefix="pansoft-site-") as name:
        folder = Path(name)
        if own.is_dir():
            shutil.copytree(own, folder, dirs_exist_ok=True)
        for each in files:
            path = folder / each.path.relative_to(own)
            if each.care is Care.WHOLE or not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(each.content)
        yield folder


def _either(
    old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return for each file what it may be while it is written."""
    return {
        path: tuple(dict.fromkeys((*old.get(path, ()), *new.get(path, ()))))
        for path in (*old, *new)
    }
