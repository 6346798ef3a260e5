# SPDX-License-Identifier: BSD-3-Clause
"""This project's part in the federation: what it publishes there, and where its files are.

trust-policy/federation.yaml          what the project does in the federation; without it, nothing
trust-policy/federation/              what the facilities have agreed on, kept in git
<state>/keys/federation/<name>.pem    keys of the pipeline: `online`, and a namespace's own
trust/federation/ in the repository   what sites read
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from builder.state import State
from catalog.entry import CatalogEntry, PublishedImage, PublishedTree
from core.errors import UserError
from cvmfs.backends.backend import OpenTransaction
from cvmfs.format.entries import Kind
from cvmfs.reading.reader import Reader
from pansoft import target
from pansoft.published import entries_of
from trust.federation import names, online
from trust.federation.documents import Agreed, load_agreed
from trust.federation.known_roots import FILE as FILE_OF_ROOTS
from trust.federation.online import Refreshed
from trust.federation.settings import FILE, Settings, load_settings
from trust.federation.status import alarms_of
from trust.federation.target import Target
from trust.policy.issuers import FOLDER as ISSUERS

FOLDER = "federation"
WARN_DAYS = 30
"""How long before something of the federation expires there is an alarm."""

_TRUST = "trust"
_ADVISORIES = "advisories"
_SHARED = (names.KEYS, ISSUERS, _ADVISORIES)
"""The folders of the policy whose files prove nothing by themselves; what people said is signed."""

_STATEMENT = ".statement.json"


@dataclass(frozen=True, slots=True)
class Published:
    """What is in the repository: its versions, and the small files of `trust/` by their path.

    `content` reads a file of the repository by its path.
    """

    fqrn: str
    entries: Sequence[CatalogEntry]
    shared: Mapping[str, bytes]
    content: Callable[[str], bytes]


def folder_of(policy_folder: Path) -> Path:
    """Return the folder of the ceremonies."""
    return policy_folder / FOLDER


def keys_folder(state: State) -> Path:
    """Return where the keys of the federation are that this state has."""
    return state.keys / FOLDER


def known_roots(state: State) -> Path:
    """Return the file that says which roots were in force when somebody signed on this machine."""
    return keys_folder(state) / FILE_OF_ROOTS


def put(
    tx: OpenTransaction,
    state: State,
    policy_folder: Path,
    *,
    fqrn: str,
    entries: Sequence[CatalogEntry],
    fresh: Mapping[str, Path],
    shared: Mapping[str, bytes],
    at: datetime,
) -> tuple[str, ...]:
    """Put the federation's metadata as it has to be now, and return what there is to say about it.

    Args:
        tx: the transaction that publishes everything else.
        state: of this machine; its keys sign what no person signs.
        policy_folder: the project's `trust-policy/`.
        fqrn: the repository.
        entries: every version that will be published.
        fresh: files that are in the transaction and not in the repository yet, by their path there.
        shared: the policy and the public keys, by their path there.
        at: now.

    Raises:
        UserError: something has to be signed and its key is not here.
    """
    settings = load_settings(policy_folder)
    if settings is None:
        return ()
    shared = {**shared, **_advisories(policy_folder)}
    with target.read(state, at=at) as reader:
        before = _metadata(reader)
        shown = Published(fqrn, entries, shared, _content(reader, fresh))
        lists = {
            name: tuple(targets(shown, settings, name, before)) for name in settings.own_namespaces
        }
    refreshed = _refreshed(state, policy_folder, settings, before, lists, at)
    for name in before.keys() - refreshed.files.keys():
        tx.remove(f"{names.FOLDER}/{name}")
    for name, content in refreshed.files.items():
        tx.put_bytes(content, f"{names.FOLDER}/{name}")
    for listed in lists.values():
        _put_shared(tx, listed, shared)
    return refreshed.notes


def targets(
    shown: Published, settings: Settings, namespace: str, before: Mapping[str, bytes]
) -> Iterator[Target]:
    """Yield what a namespace lists of what is published: images, statements, and with the project's own
    namespace, the policy and the keys.

    What was listed before is not read again.
    """
    known = {each.location: each for each in online.listed(before, namespace)}
    for entry in shown.entries:
        if settings.namespace_of(entry.name) == namespace:
            yield from _of_version(shown, entry, namespace, known)
    if namespace == settings.namespace:
        for location, content in shown.shared.items():
            yield _of_shared(shown, namespace, location, content)


def offered(
    state: State, settings: Settings, namespace: str, *, at: datetime
) -> tuple[tuple[Target, ...], int]:
    """Return what a namespace would list of what is published now, and the version of that list.

    Raises:
        UserError: nothing is published yet.
    """
    with target.read(state, at=at) as reader:
        before = _metadata(reader)
        shown = Published(reader.fqrn, entries_of(reader), _shared_in(reader), reader.read)
        found = tuple(targets(shown, settings, namespace, before))
    return found, online.version_of(before, namespace) + 1


def published_files(state: State, *, at: datetime) -> dict[str, bytes]:
    """Return the metadata that the repository has now, by name; none where there is no repository."""
    if not target.exists(state):
        return {}
    with target.read(state, at=at) as reader:
        return _metadata(reader)


def agreed_of(policy_folder: Path) -> Agreed:
    """Return what the facilities have agreed on.

    Raises:
        UserError: there is no federation yet.
    """
    agreed = load_agreed(folder_of(policy_folder))
    if agreed is None:
        raise UserError(
            f"there is no federation in {folder_of(policy_folder)}",
            hint="found one with other facilities: pansoft trust found --help",
        )
    return agreed


def _refreshed(
    state: State,
    policy_folder: Path,
    settings: Settings,
    before: Mapping[str, bytes],
    lists: Mapping[str, tuple[Target, ...]],
    at: datetime,
) -> Refreshed:
    keys = online.open_keys(keys_folder(state), settings.own_namespaces)
    if settings.is_coordinator:
        agreed = agreed_of(policy_folder)
        gathered, notes = online.gather(settings.partners)
        made = online.refresh(
            agreed,
            settings,
            before=before,
            own=lists,
            gathered=gathered,
            keys=keys,
            at=at,
        )
        alarms = alarms_of(agreed, made.files, at=at, warn=timedelta(days=WARN_DAYS))
        return Refreshed(made.files, (*notes, *made.notes, *alarms))
    key = keys.lists.get(settings.namespace)
    if key is None:
        raise UserError(
            f"the list of {settings.namespace} has to be signed, and its key is not here",
            hint=f"it is expected as {keys_folder(state) / settings.namespace}.pem; "
            f"trust-policy/{FILE} says what this project publishes",
        )
    own = lists[settings.namespace]
    return online.refresh_list(settings.namespace, settings, before=before, own=own, key=key, at=at)


def _of_version(
    shown: Published, entry: CatalogEntry, namespace: str, known: Mapping[str, Target]
) -> Iterator[Target]:
    yield from _of_form(shown, entry, namespace, known, entry.image)
    if entry.tree is not None and entry.has_image:
        yield from _of_form(shown, entry, namespace, known, entry.tree)


def _of_form(
    shown: Published,
    entry: CatalogEntry,
    namespace: str,
    known: Mapping[str, Target],
    image: PublishedImage | PublishedTree,
) -> Iterator[Target]:
    """Yield what was signed of a form, an image or the manifest of a tree, and the statement about it."""
    version = (namespace, entry.name, entry.version)
    yield Target(
        names.target_path(*version, image.path.rsplit("/", 1)[1]),
        image.size,
        image.sha256,
        shown.fqrn,
        image.path,
        entry.signer.fingerprint,
    )
    location = image.path + _STATEMENT
    if location in known:
        yield known[location]
        return
    content = shown.content(location)
    yield Target(
        names.target_path(*version, location.rsplit("/", 1)[1]),
        len(content),
        hashlib.sha256(content).hexdigest(),
        shown.fqrn,
        location,
        entry.signer.fingerprint,
    )


def _of_shared(shown: Published, namespace: str, location: str, content: bytes) -> Target:
    below = location.removeprefix(f"{_TRUST}/")
    kind = names.KEYS if below.endswith((".asc", ".pub")) else names.POLICY
    # a target has one name and no folders: issuers/x.json is called issuers+x.json there
    file = below.removeprefix(f"{names.KEYS}/").replace("/", "+")
    return Target(
        names.target_path(namespace, kind, file),
        len(content),
        hashlib.sha256(content).hexdigest(),
        shown.fqrn,
        location,
    )


def _put_shared(tx: OpenTransaction, listed: Sequence[Target], shared: Mapping[str, bytes]) -> None:
    """Put keys and policy beside the metadata as well, where a client of the framework looks for them."""
    for each in listed:
        if each.location in shared:
            folder, _, file = each.path.rpartition("/")
            place = f"{names.FOLDER}/{names.TARGETS_FOLDER}/{folder}/{each.sha256}.{file}"
            tx.put_bytes(shared[each.location], place)


def _content(reader: Reader, fresh: Mapping[str, Path]) -> Callable[[str], bytes]:
    def read(location: str) -> bytes:
        if location in fresh:
            return fresh[location].read_bytes()
        return reader.read(location)

    return read


def _advisories(policy_folder: Path) -> dict[str, bytes]:
    files = sorted((policy_folder / _ADVISORIES).glob("*.json"))
    return {f"{_TRUST}/{_ADVISORIES}/{file.name}": file.read_bytes() for file in files}


def _shared_in(reader: Reader) -> dict[str, bytes]:
    """Return the policy and the keys of a repository by their path, as `put` was given them."""
    found: dict[str, bytes] = {}
    for folder in (_TRUST, *(f"{_TRUST}/{name}" for name in _SHARED)):
        if reader.lookup(folder) is not None:
            for entry in reader.listdir(folder):
                if entry.kind is Kind.FILE:
                    found[entry.path] = reader.read_entry(entry)
    return found


def _metadata(reader: Reader) -> dict[str, bytes]:
    if reader.lookup(names.FOLDER) is None:
        return {}
    return {
        entry.path.rsplit("/", 1)[1]: reader.read_entry(entry)
        for entry in reader.listdir(names.FOLDER)
        if entry.kind is Kind.FILE and entry.path.endswith(".json")
    }
