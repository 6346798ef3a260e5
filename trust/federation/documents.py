# SPDX-License-Identifier: BSD-3-Clause
"""What the facilities have agreed on, and what somebody proposes: metadata in a folder that is kept in git.

    trust-policy/federation/
      1.root.json 2.root.json …    every root that was ever in force, oldest first
      targets.json                 who speaks for which namespace
      core.json …                  the lists of namespaces that more than one facility signs
      proposed/                    the next version of some of these, waiting for signatures

All of it is metadata as The Update Framework has it, written so that a merge request shows what changes.
What is read here is verified: an edited file is refused, not believed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization.json import JSONSerializer

from core.errors import Refused, UserError
from core.files import atomic_folder, write_atomic

ROOT, TARGETS = Root.type, Targets.type
PROPOSED = "proposed"
_ROOT_FILE = re.compile(r"([1-9][0-9]{0,5})\.root\.json")

Document: TypeAlias = "Metadata[Any]"  # Any: Metadata[Root] or Metadata[Targets], by its role


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is in force: every root in its order, the delegations, and the lists signed by ceremony."""

    roots: tuple[Metadata[Root], ...]
    targets: Metadata[Targets]
    lists: Mapping[str, Metadata[Targets]]

    @property
    def root(self) -> Root:
        """Return the root in force."""
        return self.roots[-1].signed

    def document(self, role: str) -> Document:
        """Return the document of a role that is in force."""
        match role:
            case "root":
                return self.roots[-1]
            case "targets":
                return self.targets
            case _:
                return self.lists[role]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next version of some roles: `root`, `targets`, or a namespace."""

    documents: Mapping[str, Document]

    @property
    def id(self) -> str:
        """Return the sha256 of what is proposed, in hex; signatures do not change it."""
        digest = hashlib.sha256()
        for role in sorted(self.documents):
            content = self.documents[role].signed_bytes
            digest.update(f"{role} {len(content)}\n".encode() + content)
        return digest.hexdigest()


def load_agreed(folder: Path) -> Agreed | None:
    """Return what is in force, or None before the founding.

    Raises:
        Refused: a file is not what the facilities have signed.
    """
    found = {
        int(match[1]): file
        for file in folder.glob("*.root.json")
        if (match := _ROOT_FILE.fullmatch(file.name))
    }
    if not found:
        return None
    if sorted(found) != list(range(1, len(found) + 1)):
        raise Refused(
            f"a root is missing in {folder}: there are {', '.join(map(str, sorted(found)))}",
            hint="every root is kept; bring it back from the history of the project",
        )
    roots = tuple(_read(found[number], Root) for number in sorted(found))
    for number, root in enumerate(roots):
        _verify(roots[max(0, number - 1)].signed, ROOT, root, found[number + 1])
        _verify(root.signed, ROOT, root, found[number + 1])
        _same_version(root, number + 1, found[number + 1])
    file = folder / f"{TARGETS}.json"
    targets = _read(file, Targets)
    _verify(roots[-1].signed, TARGETS, targets, file)
    lists: dict[str, Metadata[Targets]] = {}
    delegated = targets.signed.delegations.roles if targets.signed.delegations else {}
    for name in delegated or {}:
        file = folder / f"{name}.json"
        if file.is_file():
            lists[name] = _read(file, Targets)
            _verify(targets.signed, name, lists[name], file)
    return Agreed(roots, targets, lists)


def load_proposal(folder: Path) -> Proposal | None:
    """Return what waits for signatures, or None.

    Raises:
        Refused: a file is no metadata.
    """
    files = sorted((folder / PROPOSED).glob("*.json"))
    documents = {file.stem: _read(file, Root if file.stem == ROOT else Targets) for file in files}
    if online := documents.keys() & {"snapshot", "timestamp"}:
        raise Refused(f"nobody signs the {min(online)} by ceremony; the pipeline does")
    return Proposal(documents) if documents else None


def write_proposal(folder: Path, proposal: Proposal) -> None:
    """Write what is proposed, in place of what was."""
    with atomic_folder(folder / PROPOSED) as fresh:
        for role, document in proposal.documents.items():
            write_atomic(fresh / f"{role}.json", readable(document))


def withdraw(folder: Path) -> None:
    """Take back what is proposed.

    Raises:
        UserError: nothing is.
    """
    if not (folder / PROPOSED).is_dir():
        raise UserError("nothing is proposed", hint="pansoft trust status shows what is in force")
    shutil.rmtree(folder / PROPOSED)


def put_in_force(folder: Path, proposal: Proposal) -> Agreed:
    """Write what every threshold has signed as what is in force; all of it at once.

    Raises:
        Refused: it does not verify as a whole; the folder is as it was.
    """
    with atomic_folder(folder) as fresh:
        if folder.is_dir():
            there = shutil.ignore_patterns(PROPOSED)
            shutil.copytree(folder, fresh, ignore=there, dirs_exist_ok=True)
        for role, document in proposal.documents.items():
            name = f"{document.signed.version}.{role}" if role == ROOT else role
            write_atomic(fresh / f"{name}.json", readable(document))
        agreed = load_agreed(fresh)
        if agreed is None:
            raise UserError("a federation begins with a root", hint="pansoft trust found")
        _drop_lists_of_nobody(fresh, agreed)
    return agreed


def readable(document: Document) -> bytes:
    """Return a document as people and git read it."""
    return document.to_bytes(JSONSerializer(compact=False)) + b"\n"


def _drop_lists_of_nobody(folder: Path, agreed: Agreed) -> None:
    """Remove the lists of namespaces that are delegated no more."""
    for file in folder.glob("*.json"):
        if not _ROOT_FILE.fullmatch(file.name) and file.stem not in {TARGETS, *agreed.lists}:
            file.unlink()


def _read(file: Path, kind: type[Root] | type[Targets]) -> Document:
    try:
        document: Document = Metadata.from_bytes(file.read_bytes())
    except OSError as err:
        raise Refused(
            f"{file} is missing", hint="bring it back from the history of the project"
        ) from err
    except RepositoryError as err:
        raise Refused(f"{file} is not metadata of a federation") from err
    if document.signed.type != kind.type:
        raise Refused(f"{file} holds the role {document.signed.type}, not {kind.type}")
    return document


def _verify(delegator: Root | Targets, role: str, document: Document, file: Path) -> None:
    try:
        delegator.verify_delegate(role, document.signed_bytes, document.signatures)
    except (RepositoryError, ValueError) as err:
        raise Refused(
            f"{file} is not signed by those who answer for it: {err}",
            hint="it was edited, or belongs to another root; "
            "bring it back from the history of the project",
        ) from err


def _same_version(document: Document, version: int, file: Path) -> None:
    if document.signed.version != version:
        raise Refused(f"{file} holds version {document.signed.version}")
