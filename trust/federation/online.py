# SPDX-License-Identifier: BSD-3-Clause
"""The part of the federation that no person signs: lists of one key, snapshot, timestamp.

The repository is the memory: what is published is read back and gone on from, and what is still good is left
as it is, to the byte. So a second run changes nothing, until something is new or half of its time is over.

The coordinator publishes the whole federation. A partner publishes the list of its own namespace as
`<namespace>.json`; the coordinator gathers it, and puts it into the snapshot if the partner's key and the
versions are right. A partner that does not answer stays in the snapshot with what it published last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from core.errors import Refused, UserError
from trust.federation import names
from trust.federation.documents import TARGETS, Agreed, Document, readable
from trust.federation.keys import ONLINE, open_signer, public_of
from trust.federation.rules import charter_of
from trust.federation.settings import Partner, Settings
from trust.federation.sources import BASE, Fetcher, reader_of
from trust.federation.target import Target, from_tuf, to_tuf

_MAX_LIST = 5_000_000  # what clients take
_VERSIONED = re.compile(r"([1-9][0-9]*)\.([a-z][a-z0-9-]*)\.json")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The files of `trust/federation` as they shall be, and what there is to say about it."""

    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this project's pipeline: of timestamp and snapshot, and of its own namespaces."""

    online: Signer | None
    lists: Mapping[str, Signer]


def open_keys(folder: Path, namespaces: Sequence[str]) -> Keys:
    """Return the keys of the pipeline that are in a folder: `online`, and those of namespaces.

    Raises:
        UserError: others can read one, or it cannot be opened without a passphrase.
    """
    found = {name: _key_file(folder, name) for name in (ONLINE, *namespaces)}
    signers = {name: open_signer(file) for name, file in found.items() if file is not None}
    return Keys(signers.pop(ONLINE, None), signers)


def listed(files: Mapping[str, bytes], namespace: str) -> tuple[Target, ...]:
    """Return what the newest list of a namespace lists among the files that are published."""
    content = _last(files, namespace) or files.get(f"{namespace}.json")
    if content is None:
        return ()
    found: Metadata[Targets] = Metadata.from_bytes(content)
    return tuple(from_tuf(each) for each in found.signed.targets.values())


def version_of(files: Mapping[str, bytes], namespace: str) -> int:
    """Return the newest version of a namespace's list that is published; 0 where none is."""
    return _version_of(_last(files, namespace))


def refresh(
    agreed: Agreed,
    settings: Settings,
    *,
    before: Mapping[str, bytes],
    own: Mapping[str, Sequence[Target]],
    gathered: Mapping[str, bytes],
    keys: Keys,
    at: datetime,
) -> Refreshed:
    """Return the whole federation as the coordinator publishes it.

    Args:
        agreed: what the facilities have signed.
        settings: how long each role counts.
        before: the files that are published now.
        own: what this project's namespaces list, by namespace.
        gathered: the lists of partners, by namespace.
        keys: of the pipeline.
        at: now.

    Raises:
        UserError: something has to be signed and its key is not here.
        Refused: its key is here, but counts no more.
    """
    making = _Round(agreed, settings, before, keys, at)
    current = {f"{root.signed.version}.root.json": readable(root) for root in agreed.roots}
    current[f"{agreed.targets.signed.version}.{TARGETS}.json"] = readable(agreed.targets)
    for name in charter_of(agreed).namespaces:
        found = making.list_of(name, own.get(name, ()), gathered.get(name))
        if found is not None:
            current[f"{_version(found)}.{name}.json"] = found
    snapshot = making.snapshot(current)
    current[f"{_version(snapshot)}.snapshot.json"] = snapshot
    current["timestamp.json"] = making.timestamp(snapshot)
    return Refreshed({**_still_read(before, current), **current}, tuple(making.notes))


def refresh_list(
    namespace: str,
    settings: Settings,
    *,
    before: Mapping[str, bytes],
    own: Sequence[Target],
    key: Signer,
    at: datetime,
) -> Refreshed:
    """Return what a partner publishes: the list of its own namespace, for the coordinator to gather."""
    content = _own_list(before.get(f"{namespace}.json"), own, settings, key, at)
    return Refreshed({f"{namespace}.json": content})


def gather(partners: Sequence[Partner]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the lists that partners publish, unverified, and who could not be asked."""
    found: dict[str, bytes] = {}
    notes: list[str] = []
    for partner in partners:
        try:
            fetcher = Fetcher(reader_of(partner.place))
            found[partner.namespace] = fetcher.download_bytes(
                f"{BASE}{partner.namespace}.json", _MAX_LIST
            )
        except (DownloadError, OSError, UserError) as err:
            notes.append(
                f"{partner.namespace}: {partner.source} cannot be read, its last list stays: {err}"
            )
    return found, tuple(notes)


@dataclass(frozen=True, slots=True)
class _Round:
    """One refreshing: what is agreed and published, the keys, the time; and what there is to say."""

    agreed: Agreed
    settings: Settings
    before: Mapping[str, bytes]
    keys: Keys
    at: datetime
    notes: list[str] = field(default_factory=list)

    def list_of(self, name: str, own: Sequence[Target], gathered: bytes | None) -> bytes | None:
        """Return the list of a namespace as it shall be published; None where there is none yet."""
        last = _last(self.before, name)
        targets, key = self.agreed.targets.signed, self.keys.lists.get(name)
        if name in self.agreed.lists:
            return self._newer(readable(self.agreed.lists[name]), last, name)
        if key is not None and public_of(key) in targets.get_delegated_role(name).keyids:
            good = last if last and _holds(targets, name, last) else None
            above = _version_of(last)
            return _own_list(good, own, self.settings, key, self.at, above=above)
        if gathered is not None:
            if _holds(targets, name, gathered):
                return self._newer(gathered, last, name)
            self.notes.append(
                f"{name}: what it publishes is not signed by its key; its last list stays"
            )
        if last and not _holds(targets, name, last):
            self.notes.append(
                f"{name}: its last list is signed by a key that counts no more; it has to sign anew"
            )
        return last

    def snapshot(self, current: Mapping[str, bytes]) -> bytes:
        """Return the snapshot of these files, the last one where it is still good."""
        last = _last(self.before, Snapshot.type)
        meta: dict[str, MetaFile] = {}
        if last is not None:
            # what was once in a snapshot stays: clients take its absence for an attack
            meta |= Metadata[Snapshot].from_bytes(last).signed.meta
        for file, content in current.items():
            match = _VERSIONED.fullmatch(file)
            if match and match[2] != Root.type:
                meta[f"{match[2]}.json"] = MetaFile.from_data(int(match[1]), content, ["sha256"])
        if last is not None and _holds(self.agreed.root, Snapshot.type, last):
            known: Metadata[Snapshot] = Metadata.from_bytes(last)
            if known.signed.meta == meta and not _is_due(known, self.settings.snapshot, self.at):
                return last
        expires = self.at + self.settings.snapshot
        fresh = Snapshot(_version_of(last) + 1, expires=expires, meta=meta)
        return _signed(Metadata(fresh), self._online(Snapshot.type))

    def timestamp(self, snapshot: bytes) -> bytes:
        """Return the timestamp of a snapshot, the last one where it is still good."""
        last = self.before.get("timestamp.json")
        meta = MetaFile.from_data(_version(snapshot), snapshot, ["sha256"])
        if last is not None and _holds(self.agreed.root, Timestamp.type, last):
            known: Metadata[Timestamp] = Metadata.from_bytes(last)
            is_due = _is_due(known, self.settings.timestamp, self.at)
            if known.signed.snapshot_meta == meta and not is_due:
                return last
        expires = self.at + self.settings.timestamp
        fresh = Timestamp(_version_of(last) + 1, expires=expires, snapshot_meta=meta)
        return _signed(Metadata(fresh), self._online(Timestamp.type))

    def _newer(self, content: bytes, last: bytes | None, name: str) -> bytes:
        """Return a list, unless an older one than was published: clients would refuse everything."""
        if last is not None and _version(content) < _version(last):
            self.notes.append(
                f"{name}: version {_version(content)} is older than what is published; that stays"
            )
            return last
        return content

    def _online(self, role: str) -> Signer:
        key = self.keys.online
        if key is None:
            raise UserError(
                f"the {role} of the federation has to be signed, and its key is not here",
                hint=f"the coordinator keeps it as keys/federation/{ONLINE}.pem in the state folder",
            )
        if public_of(key) not in self.agreed.root.roles[role].keyids:
            version = self.agreed.root.version
            raise Refused(
                f"the key {public_of(key)[:8]} may not sign the {role} by root {version}",
                hint="it was replaced: take the new one into the state folder",
            )
        return key


def _own_list(
    last: bytes | None,
    own: Sequence[Target],
    settings: Settings,
    key: Signer,
    at: datetime,
    *,
    above: int = 0,
) -> bytes:
    listed = {each.path: to_tuf(each) for each in sorted(own, key=lambda each: each.path)}
    if last is not None:
        found: Metadata[Targets] = Metadata.from_bytes(last)
        above = max(above, found.signed.version)
        if (
            found.signed.version >= settings.least_version
            and dict(found.signed.targets) == listed
            and not _is_due(found, settings.list, at)
            and public_of(key) in found.signatures
        ):
            return last
    version = max(above + 1, settings.least_version)
    fresh = Targets(version, expires=at + settings.list, targets=listed)
    return _signed(Metadata(fresh), key)


def _key_file(folder: Path, name: str) -> Path | None:
    files = (folder / f"{name}.pem", folder / f"{name}.yaml")
    return next((file for file in files if file.is_file()), None)


def _still_read(before: Mapping[str, bytes], current: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that a client may be about to read which has the last timestamp but one.

    These are what was current until now; what was older goes. Where nothing is new, nothing goes.
    """
    if all(before.get(name) == content for name, content in current.items()):
        return dict(before)
    newest: dict[str, int] = {}
    for name in before:
        if match := _VERSIONED.fullmatch(name):
            newest[match[2]] = max(newest.get(match[2], 0), int(match[1]))
    return {
        name: before[name]
        for role, version in newest.items()
        if (name := f"{version}.{role}.json") in before
    }


def _last(before: Mapping[str, bytes], role: str) -> bytes | None:
    versions = [
        int(match[1])
        for name in before
        if (match := _VERSIONED.fullmatch(name)) and match[2] == role
    ]
    return before[f"{max(versions)}.{role}.json"] if versions else None


def _is_due(document: Document, length: timedelta, at: datetime) -> bool:
    """Return whether less than half of the time is left that a document is made for."""
    left: timedelta = document.signed.expires - at
    return left < length / 2


def _holds(delegator: Root | Targets, role: str, content: bytes) -> bool:
    try:
        document: Document = Metadata.from_bytes(content)
        delegator.verify_delegate(role, document.signed_bytes, document.signatures)
    except (RepositoryError, ValueError):
        return False
    return bool(document.signed.type == (role if role in names.TOP_ROLES else TARGETS))


def _signed(document: Document, key: Signer) -> bytes:
    document.sign(key)
    return document.to_bytes()


def _version(content: bytes) -> int:
    document: Document = Metadata.from_bytes(content)
    return int(document.signed.version)


def _version_of(content: bytes | None) -> int:
    return _version(content) if content is not None else 0
