# SPDX-License-Identifier: BSD-3-Clause
"""Where a decision that is to be explained is kept: this state folder, a repository, a published folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builder import sign
from builder.sign import VERDICT_FILE, Record
from builder.state import State
from core.errors import Refused, UserError
from pansoft import published, target
from trust.policy import TrustPolicy
from trust.signing import statements

_STATEMENT = ".statement.json"


class NoneKept(UserError):
    """Nothing was decided about a package yet, or nothing that is kept here."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision, where it is kept, and who vouches for it; `doubt` is why nobody does."""

    record: Record
    where: str
    vouched: str | None
    doubt: str | None = None


def find_record(state: State, what: str, *, policy: TrustPolicy, at: datetime) -> Kept:
    """Return the last decision about a package.

    Args:
        state: this machine's.
        what: NAME, NAME@VERSION, or the path of a published folder or of a signed image.
        policy: whose keys may have signed what a path holds.
        at: now.

    Raises:
        NoneKept: there is none.
        UserError: the path names nothing.
        Refused: what the path holds was altered.
    """
    if "/" in what or what.startswith(".") or what.endswith(".sif"):
        return _at_path(Path(what), policy)
    name, _, version = what.partition("@")
    kept = [
        each
        for each in sign.records(state.folder / "signed")
        if each.verdict.name == name and version in ("", each.verdict.version)
    ]
    if kept:
        return Kept(
            max(kept, key=lambda each: each.verdict.at), "this state folder", "this state folder"
        )
    return _published(state, name, version, at)


def _published(state: State, name: str, version: str, at: datetime) -> Kept:
    """Return what the repository keeps beside the version that was published last."""
    if target.exists(state):
        with target.read(state, at=at) as reader:
            found = [
                entry
                for entry in published.entries_of(reader)
                if entry.name == name and version in ("", entry.version)
            ]
            if found:
                path = f"{found[-1].folder}/{VERDICT_FILE}"
                record = sign.parse_record(reader.read(path), what=path)
                return Kept(record, f"/cvmfs/{reader.fqrn}/{path}", f"the key of {reader.fqrn}")
    about = f"{name} {version}".strip()
    raise NoneKept(
        f"no decision about '{about}' is kept in this state folder",
        hint=f"pansoft sign {name} makes one",
    )


def _at_path(path: Path, policy: TrustPolicy) -> Kept:
    image = _image(path)
    try:
        statement, signature = statements.read(image, public_keys=policy.public_keys)
    except Refused as err:
        return _unsigned(image, err)
    signer = policy.signer(signature.fingerprint)
    name = signer.name if signer else signature.fingerprint
    return Kept(Record(statement.evidence, statement.verdict), str(image), name)


def _unsigned(image: Path, err: Refused) -> Kept:
    """Return what is said of an image by nobody whom the policy lists: to be read, not to be believed."""
    try:
        said = json.loads(statements.statement_file(image).read_bytes())
        record = sign.record_of(said["predicate"]["pansoft"]["statement"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise err from None
    return Kept(record, str(image), None, err.message)


def _image(path: Path) -> Path:
    """Return the signed file that a path means: an image, or the manifest of a tree."""
    if not path.is_dir():
        if not path.exists():
            raise UserError(f"there is no {path}", hint="name a published folder, or a package")
        return path
    found = [file.name.removesuffix(_STATEMENT) for file in sorted(path.glob(f"*{_STATEMENT}"))]
    if len(found) == 1:
        return path / found[0]
    raise UserError(
        f"{path} holds {len(found) or 'no'} signed statements, one is expected",
        hint="name the folder of one version: images/NAME/VERSION",
    )
