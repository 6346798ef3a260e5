# SPDX-License-Identifier: BSD-3-Clause
"""The partner's side of the federation: what the facilities say, checked from the root they gave out.

The logic is The Update Framework's own client (https://theupdateframework.github.io/specification/latest/,
section 5): from the trusted root, root after root by the thresholds of the old and of the new one; then
timestamp, snapshot, targets and the delegated namespace, each signed, of the right version and not expired.
What was seen is kept in a folder, so an older state is refused ever after.

    federation = open_federation(root, "https://…/trust/federation", cache=folder, at=now)
    target = federation.find("esrf", "pymca", "5.9.4", "pymca.sif")
    target.check(Path("/cvmfs/…/images/pymca/5.9.4/pymca.sif"))
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from tuf.api.metadata import DelegatedRole, Root, Signed, Targets
from tuf.ngclient import Updater, UpdaterConfig

from core.errors import Refused, UserError
from core.files import exclusive_lock
from trust.federation import names, refusals, sources
from trust.federation.keys import facility_of
from trust.federation.target import Target, from_tuf

_MAX_NAMESPACES = 256


@dataclass(frozen=True, slots=True)
class Namespace:
    """Whom the federation lets speak for a namespace: `threshold` of these facilities together."""

    name: str
    facilities: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What all namespaces list together; `unsound` names those whose list does not hold, and why."""

    targets: tuple[Target, ...]
    unsound: tuple[tuple[str, str], ...]


class Federation:
    """The federation as one source shows it at one moment, every byte checked."""

    def __init__(
        self, updater: Updater, fetcher: sources.Fetcher, *, source: str, lock: Path
    ) -> None:
        self._updater = updater
        self._fetcher = fetcher
        self._source = source
        self._lock = lock

    @property
    def root_version(self) -> int:
        """Return the number of the root in force."""
        return self._root.version

    @property
    def facilities(self) -> tuple[str, ...]:
        """Return the facilities that hold a key of the root."""
        return _facilities(self._root, self._root.roles[Root.type].keyids)

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        """Return the namespaces that are delegated, by name."""
        return tuple(
            Namespace(role.name, _facilities(self._top, role.keyids), role.threshold)
            for role in sorted(self._delegated().values(), key=lambda role: role.name)
        )

    @property
    def expires(self) -> tuple[tuple[str, datetime], ...]:
        """Return until when each role counts that was looked at so far, the first to end first."""
        loaded = self._trusted()
        return tuple(sorted(((s, loaded[s].expires) for s in loaded), key=lambda each: each[1]))

    def find(self, namespace: str, package: str, version: str, file: str) -> Target:
        """Return what a namespace says of a file of a published version.

        Raises:
            Refused: it says nothing of it, or its metadata does not hold.
            UserError: the source does not answer.
        """
        return self._find(namespace, names.target_path(namespace, package, version, file))

    def find_key(self, namespace: str, file: str) -> Target:
        """Return what a namespace says of a public key: `<fqrn>.pub`, or a signer's `.asc`.

        Raises:
            Refused: it says nothing of it, or its metadata does not hold.
            UserError: the source does not answer.
        """
        return self._find(namespace, names.target_path(namespace, names.KEYS, file))

    def listed(self, namespace: str) -> tuple[Target, ...]:
        """Return everything that a namespace lists, by path: versions, keys, policy.

        Raises:
            Refused: there is no such namespace, or its metadata does not hold.
            UserError: the source does not answer.
        """
        role = self._namespace(namespace)
        held = self._load(namespace).targets if self._has_published(namespace) else {}
        return tuple(from_tuf(held[path]) for path in sorted(held) if role.is_delegated_path(path))

    def survey(self) -> Survey:
        """Return what all namespaces list. One whose list has expired or is not signed ends itself only.

        Raises:
            UserError: the source does not answer.
        """
        targets: list[Target] = []
        unsound: list[tuple[str, str]] = []
        for namespace in self.namespaces:
            try:
                targets += self.listed(namespace.name)
            except Refused as err:
                unsound.append((namespace.name, err.message))
        return Survey(tuple(targets), tuple(unsound))

    def fetch(self, target: Target) -> bytes:
        """Return the content of a key or a policy, which lie beside the metadata; checked.

        Raises:
            Refused: other bytes are there than the federation says.
            UserError: the source does not answer, or does not have it.
        """
        folder, _, file = target.path.rpartition("/")
        with refusals.in_words(self._source):
            content = self._fetcher.download_bytes(
                f"{sources.BASE}{names.TARGETS_FOLDER}/{folder}/{target.sha256}.{file}",
                target.length,
            )
        target.check(content)
        return content

    def _find(self, namespace: str, path: str) -> Target:
        role = self._namespace(namespace)
        if not self._has_published(namespace):
            raise Refused(f"{namespace} does not list {path}: it has published nothing yet")
        with self._reading():
            found = self._updater.get_targetinfo(path)
        if found is None or not role.is_delegated_path(path):
            raise Refused(
                f"{namespace} does not list {path}{self._claimed_by_others(namespace, path)}",
                hint="it was never published by who answers for it, or was taken back; "
                "nothing else says that this file is good",
            )
        return from_tuf(found)

    def _has_published(self, namespace: str) -> bool:
        return f"{namespace}.json" in self._updater._trusted_set.snapshot.meta

    def _claimed_by_others(self, namespace: str, path: str) -> str:
        """Return who lists a path without having a say in it, for the message of a refusal."""
        for other in self.namespaces:
            with contextlib.suppress(UserError):
                if other.name != namespace and path in self._load(other.name).targets:
                    return f"; {other.name} lists it, which may speak for {other.name}/ only"
        return ""

    def _namespace(self, name: str) -> DelegatedRole:
        role = self._delegated().get(names.check_namespace(name))
        if role is None:
            known = ", ".join(sorted(self._delegated())) or "none"
            raise Refused(
                f"the federation delegates no namespace '{name}'",
                hint=f"it delegates: {known}",
            )
        return role

    def _delegated(self) -> dict[str, DelegatedRole]:
        delegations = self._top.delegations
        return dict(delegations.roles or {}) if delegations else {}

    def _load(self, namespace: str) -> Targets:
        """Return the metadata of a namespace; the library reads it when a path of it is asked for."""
        with self._reading():
            self._updater.get_targetinfo(f"{namespace}/{names.KEYS}/-")
        return cast(Targets, self._trusted()[namespace])

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with (
            exclusive_lock(self._lock, purpose="read the federation", wait=True),
            refusals.in_words(self._source),
        ):
            yield

    @property
    def _root(self) -> Root:
        return self._updater._trusted_set.root

    @property
    def _top(self) -> Targets:
        return self._updater._trusted_set.targets

    def _trusted(self) -> dict[str, Signed]:
        return self._updater._trusted_set._trusted_set


def open_federation(
    root: bytes,
    source: str | Path | sources.Reader,
    *,
    cache: Path,
    at: datetime,
    limit_s: float = sources.WHOLE_S,
) -> Federation:
    """Return the federation as a source shows it now, from a root that was got on a safe way.

    Args:
        root: the content of a `N.root.json`; any that was ever in force will do.
        source: the address or folder of its metadata (`…/trust/federation`), or what reads it.
        cache: where is kept what was seen; one folder for one root. A folder that may only be read
            is respected, and what is new is forgotten afterwards.
        at: the time that expiry is asked for.
        limit_s: how many seconds one file may take over the network.

    Raises:
        Refused: what is there is not what the facilities have signed, is older, or has expired.
        UserError: the source does not answer.
    """
    fetcher = sources.Fetcher(sources.reader_of(source, limit_s=limit_s))
    shown = str(source) if isinstance(source, str | Path) else "the repository"
    folder, passing = _cache_folder(cache)
    with (
        exclusive_lock(folder / "lock", purpose="read the federation", wait=True),
        refusals.in_words(shown),
    ):
        updater = Updater(
            metadata_dir=str(folder),
            metadata_base_url=sources.BASE,
            fetcher=fetcher,
            config=UpdaterConfig(max_delegations=_MAX_NAMESPACES),
            bootstrap=root,
        )
        # the library reads the clock when it is made and offers no other way to give it a day
        updater._trusted_set.reference_time = at
        updater.refresh()
    federation = Federation(updater, fetcher, source=shown, lock=folder / "lock")
    if passing:
        weakref.finalize(federation, shutil.rmtree, folder, ignore_errors=True)
    return federation


def _cache_folder(cache: Path) -> tuple[Path, bool]:
    """Return the folder to work in and whether it is a copy, which an ordinary user gets."""
    if not cache.exists():
        cache.mkdir(parents=True, mode=0o755)
    if os.access(cache, os.W_OK):
        return cache, False
    copy = Path(tempfile.mkdtemp(prefix="pansoft-federation-"))
    shutil.copytree(cache, copy, symlinks=True, dirs_exist_ok=True)
    return copy, True


def _facilities(delegator: Root | Targets, key_ids: list[str]) -> tuple[str, ...]:
    return tuple(sorted({facility_of(delegator.get_key(each)) for each in key_ids}))
