# SPDX-License-Identifier: BSD-3-Clause
"""`key.yaml`: where a key is whose secret is not in our files.

It stands in the key's private folder with the public key, `public.asc`, beside it. There is no secret
in it, but it names the library that gets to see a PIN, so others may not write to it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from core import schema as schemas
from core.canonical import readable_json
from core.errors import InvalidInput, UserError
from core.files import atomic_folder
from core.problems import errors
from core.schema import Schema
from core.strict_yaml import load
from trust.keys.agent import AgentKey
from trust.keys.secret_files import check_private
from trust.keys.token import TokenKey
from trust.programs import gnupg
from trust.programs.pkcs11_token import TokenPlace

DESCRIPTION = "key.yaml"
PUBLIC = "public.asc"


def _text(description: str, regex: str, pattern: str, *, required: bool = True) -> dict[str, Any]:
    meta = {"description": description, "pattern": pattern}
    return {"type": "string", "regex": regex, "required": required, "meta": meta}


_ABSOLUTE = r"/[^\x00-\x1f]*"

_COMMON: Schema = {
    "schema": {
        "type": "integer",
        "required": True,
        "allowed": [1],
        "meta": {"description": "The version of this file's form."},
    },
    "kind": {
        "type": "string",
        "required": True,
        "allowed": ["agent", "pkcs11"],
        "meta": {
            "description": "Who has the secret: a gpg agent (`agent`), which may have it on a smart "
            "card, or a PKCS#11 token (`pkcs11`)."
        },
    },
}

AGENT: Final[Schema] = {
    **_COMMON,
    "home": _text("The agent's home folder, `~/.gnupg` in full.", _ABSOLUTE, "an absolute path"),
    "passphrase_file": _text(
        "A file with the passphrase or the card's PIN, which nobody else can read; without it the "
        "agent asks.",
        _ABSOLUTE,
        "an absolute path",
        required=False,
    ),
}

TOKEN: Final[Schema] = {
    **_COMMON,
    "module": _text("The PKCS#11 library of the token.", _ABSOLUTE, "an absolute path"),
    "token": _text("The token's label.", r"[^\x00-\x1f]{1,32}", "at most 32 characters"),
    "object": _text("The key's id on the token (CKA_ID).", r"([0-9a-f]{2}){1,64}", "hex digits"),
    "pin_file": _text(
        "A file with the PIN, which nobody else can read.", _ABSOLUTE, "an absolute path"
    ),
}


def open_described(
    folder: Path, *, at: datetime, secret_file: Path | None = None
) -> AgentKey | TokenKey:
    """Return the key that a folder describes; the agent or the token is not asked yet.

    Args:
        folder: the key's private folder.
        at: the time that signatures of a token carry.
        secret_file: the passphrase or PIN file to use in place of the described one.

    Raises:
        UserError: others can write there, or the description is wrong.
    """
    for path in (folder, folder / DESCRIPTION):
        check_private(path, what="key folder" if path == folder else "key description")
    data = _read(folder / DESCRIPTION)
    public = folder / PUBLIC
    facts = gnupg.read_key(public)
    if data["kind"] == "agent":
        file = secret_file or (Path(data["passphrase_file"]) if "passphrase_file" in data else None)
        return AgentKey(Path(data["home"]), facts, public, at, file)
    place = TokenPlace(Path(data["module"]), data["token"], bytes.fromhex(data["object"]))
    return TokenKey(place, secret_file or Path(data["pin_file"]), facts, public, at)


def write_agent(folder: Path, *, home: Path, public: bytes, passphrase_file: Path | None) -> None:
    """Describe a key of a gpg agent in a new private folder."""
    told = {"passphrase_file": str(passphrase_file.absolute())} if passphrase_file else {}
    _write(folder, {"kind": "agent", "home": str(home.absolute()), **told}, public)


def write_token(folder: Path, place: TokenPlace, *, public: bytes, pin_file: Path) -> None:
    """Describe a key of a token in a new private folder."""
    told = {
        "kind": "pkcs11",
        "module": str(place.module.absolute()),
        "token": place.token,
        "object": place.object_id.hex(),
        "pin_file": str(pin_file.absolute()),
    }
    _write(folder, told, public)


def _write(folder: Path, told: dict[str, str], public: bytes) -> None:
    """Write a folder with a description, which is JSON: YAML takes that as it is."""
    if folder.exists():
        raise UserError(
            f"there is a key in {folder} already",
            hint="choose another name; a key is never overwritten",
        )
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with atomic_folder(folder) as new:
        for name, content in (
            (DESCRIPTION, readable_json({"schema": 1, **told}).encode()),
            (PUBLIC, public),
        ):
            (new / name).touch(mode=0o600)
            (new / name).write_bytes(content)
    folder.chmod(0o700)


def _read(file: Path) -> Any:  # Any: validated against one of the schemas above
    document = load(file)
    agent = document.value.get("kind") == "agent"
    if found := errors(schemas.validate(document, AGENT if agent else TOKEN)):
        raise InvalidInput(found)
    return document.value
