# SPDX-License-Identifier: BSD-3-Clause
"""The life of a key, whatever its kind: added, extended, followed by another, revoked.

The policy is people's: what is done here are the files, and what is returned are the lines for a merge
request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from core.canonical import readable_json
from core.errors import UserError
from core.files import write_atomic
from trust.keys import folder as folders
from trust.keys import token as tokens
from trust.keys.agent import AgentKey
from trust.keys.description import DESCRIPTION, PUBLIC, open_described, write_agent, write_token
from trust.keys.folder import FolderKey, KeyInfo, check_holder, revocation_file, write_secret
from trust.keys.key import SigningKey
from trust.keys.opening import named_folder, names, open_named
from trust.keys.secret_files import read_secret
from trust.keys.token import TokenKey
from trust.programs import gnupg
from trust.programs.pkcs11_token import TokenPlace


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key of a state: its name, its kind, and what it says of itself."""

    name: str
    kind: str
    facts: gnupg.PublicKey


def known(state: Path, *, at: datetime) -> Iterator[KnownKey]:
    """Yield the keys of a state; no agent and no token is asked."""
    for name in names(state):
        key = open_named(state, name, at=at)
        yield KnownKey(name, kind_of(key), key.facts)


def kind_of(key: SigningKey) -> str:
    """Return where a key's secret is, in a word."""
    match key:
        case TokenKey():
            return "token"
        case AgentKey():
            return "agent"
        case _:
            return "folder"


def add_agent(
    state: Path,
    name: str,
    *,
    home: Path,
    fingerprint: str,
    public: Path,
    passphrase_file: Path | None,
) -> KeyInfo:
    """Give a key of a gpg agent a name in a state, and write its public half to a file.

    Raises:
        UserError: the name is taken, or the agent has no such key.
    """
    folder = _new_folder(state, name)
    armored = gnupg.agent_key(home, fingerprint)
    write_agent(folder, home=home, public=armored, passphrase_file=passphrase_file)
    write_atomic(public, armored)
    facts = gnupg.read_key(public)
    return KeyInfo(facts.name, facts.fingerprint, public, folder)


def add_token(
    state: Path,
    name: str,
    place: TokenPlace,
    *,
    holder: str,
    email: str,
    days: int,
    public: Path,
    pin_file: Path,
    at: datetime,
) -> KeyInfo:
    """Make a PGP key of a token's bare one, give it a name in a state, write its public half to a file.

    The certificate that revokes it is made as well: when the token is lost it is too late.

    Raises:
        UserError: the name is taken, the token or its key is not there, or the PIN is wrong.
    """
    check_holder(holder, email)
    folder = _new_folder(state, name)
    armored = tokens.certify(
        place,
        pin_file=pin_file,
        holder=f"{holder} <{email}>",
        at=at,
        expires=at + timedelta(days=days),
    )
    write_token(folder, place, public=armored, pin_file=pin_file)
    key = open_described(folder, at=at)
    if not isinstance(key, TokenKey):
        raise UserError(f"{folder / DESCRIPTION} does not describe a key in a token")
    certificate = key.revocation(reason="unspecified", why="made when the key was added")
    write_secret(revocation_file(folder), certificate)
    write_atomic(public, armored)
    return KeyInfo(holder, key.fingerprint, public, folder, revocation_file(folder))


def extend(state: Path, name: str, *, days: int, at: datetime, secret_file: Path | None) -> bytes:
    """Give a key another expiry date, counted from now, and return its armored public half.

    Raises:
        UserError: the secret is not there, or what opens it is wrong.
    """
    folder = named_folder(state, name)
    match open_named(state, name, at=at, secret_file=secret_file):
        case FolderKey() as key:
            return folders.extend(key, days=days)
        case TokenKey() as key:
            armored = key.certified(expires=at + timedelta(days=days))
        case AgentKey() as key:
            file = key.passphrase_file
            passphrase = read_secret(file, what="passphrase file") if file else None
            gnupg.agent_extend(key.home, key.fingerprint, days=days, passphrase=passphrase)
            armored = gnupg.agent_key(key.home, key.fingerprint)
        case _:
            raise UserError(f"the key '{name}' is of a kind that has no expiry date")
    write_atomic(folder / PUBLIC, armored, mode=0o600)
    return armored


@dataclass(frozen=True, slots=True)
class Rotation:
    """One key follows another: the days, and the announcement with the signatures of both."""

    old: SigningKey
    new: SigningKey
    begins: date
    ends: date
    announcement: Path
    signatures: tuple[Path, ...]


def rotate(
    old: SigningKey, new: SigningKey, *, at: datetime, overlap: timedelta, folder: Path
) -> Rotation:
    """Announce that one key follows another, signed by both, and return the days of each.

    Args:
        old: the key that goes.
        new: the key that comes; made before.
        at: now; the new key counts from this day.
        overlap: how long both count.
        folder: where the announcement goes: `keys/` of the policy.

    Raises:
        UserError: they are one key, or one of them cannot sign.
    """
    if old.fingerprint == new.fingerprint:
        raise UserError("a key cannot follow itself", hint="make a new one: pansoft trust keygen")
    begins, ends = at.date(), (at + overlap).date()
    file = folder / f"{new.fingerprint}.rotation.json"
    content = readable_json(
        {
            "schema": 1,
            "old": {"fingerprint": old.fingerprint, "name": old.facts.name, "until": str(ends)},
            "new": {"fingerprint": new.fingerprint, "name": new.facts.name, "from": str(begins)},
        }
    ).encode()
    signed = [(key, key.sign_detached(content, what=file.name)) for key in (old, new)]
    write_atomic(file, content)
    signatures = [file.with_name(f"{file.name}.{key.fingerprint}.asc") for key, _ in signed]
    for place, (_, signature) in zip(signatures, signed, strict=True):
        write_atomic(place, signature)
    return Rotation(old, new, begins, ends, file, tuple(signatures))


def revoke(public: Path, certificate: Path, *, output: Path) -> gnupg.PublicKey:
    """Write the revoked form of a public key; the key itself is left as it was.

    Args:
        public: the public key, as the policy has it.
        certificate: revokes it.
        output: the new file.

    Raises:
        UserError: the certificate cannot be read or revokes another key.
    """
    before = gnupg.read_key(public)
    try:
        content = certificate.read_bytes()
    except OSError as err:
        raise UserError(
            f"there is no revocation certificate {certificate}",
            hint="--certificate FILE; gpg keeps one for each of its keys in openpgp-revocs.d",
        ) from err
    write_atomic(output, gnupg.revoked(public.read_bytes(), content))
    return before


def _new_folder(state: Path, name: str) -> Path:
    folder = named_folder(state, name)
    if folder.exists():
        raise UserError(
            f"there is a key named '{name}' already",
            hint="choose another name; a key is never overwritten",
        )
    return folder
