# SPDX-License-Identifier: BSD-3-Clause
"""A file that people sign: its content, and signatures of exactly that content.

    schema: 1
    content: {kind: waiver, rule: no-setuid, package: pyfai, …}
    signatures:
      - {kind: pgp, signature: |…}
      - {kind: oidc, issuer: gitlab, token: …}

What is signed is one line with the kind, then the content as canonical JSON (`payload`): whoever has
the file can make it again. The line keeps a signature of one kind from being shown as one of another.
A token cannot sign bytes; it is made *for* them: its audience, or the nonce of a login, names their
sha256. It is no longer valid when it is read here, and good for nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.canonical import canonical_json
from core.errors import InvalidInput
from core.files import write_atomic
from core.problems import Position
from core.schema import Schema, validate
from core.strict_yaml import Document, load
from trust.policy.fields import listing, mapping, text

SCHEMA = 1
TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
PACKAGE: Final = r"[a-z0-9][a-z0-9.-]*"
VERSION: Final = r"[A-Za-z0-9][A-Za-z0-9.+~_-]*"
_SIGNATURES: Final = listing(
    "The signatures of the content.",
    {
        "type": "dict",
        "schema": {
            "kind": text("What it is.", required=True, allowed=["pgp", "oidc"]),
            "signature": text("The armored detached PGP signature."),
            "issuer": text("The issuer of the token, by its name in the policy."),
            "token": text("The token, whose audience or nonce names the content."),
        },
    },
    required=True,
    maxlength=50,
)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a file, and where it stands: PGP's armored text, or an issuer and its token."""

    kind: str
    where: Position
    signature: str | None = None
    issuer: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A file that people sign, as it stands there; whether the signatures are good is for `voices`."""

    file: Path
    content: Mapping[str, Any]
    signatures: tuple[Signature, ...]
    document: Document

    @property
    def id(self) -> str:
        """Return the sha256 of what is signed."""
        return digest(self.content)

    def where(self, field: str) -> Position:
        """Return the place of a field of the content."""
        return self.document.where(("content", field))


def payload(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a content that are signed."""
    return f"pansoft {content['kind']} {SCHEMA}\n".encode() + canonical_json(dict(content))


def digest(content: Mapping[str, Any]) -> str:
    """Return the sha256 of the bytes of a content that are signed."""
    return hashlib.sha256(payload(content)).hexdigest()


def read(file: Path, content: Schema) -> Signed:
    """Return a file that people sign.

    Args:
        file: the file.
        content: the schema of its content.

    Raises:
        InvalidInput: with every problem of its form.
    """
    document = load(file)
    problems = validate(document, _schema(content))
    if problems:
        raise InvalidInput(problems)
    data: Any = document.value  # Any: validated just now
    signatures = tuple(
        Signature(where=document.where(("signatures", number)), **entry)
        for number, entry in enumerate(data["signatures"])
    )
    return Signed(file, data["content"], signatures, document)


def write(file: Path, content: Mapping[str, Any], signatures: list[dict[str, str]]) -> None:
    """Write a file that people sign, whole or not at all."""
    lines = [
        "# Made by pansoft, read by people and programs. The signatures are of the content as it",
        "# stands here; a change of it takes them away. docs/identity.md says what is signed.",
        f"schema: {SCHEMA}",
        "content:",
        *(f"  {name}: {_scalar(value)}" for name, value in content.items()),
        "signatures:" if signatures else "signatures: []",
    ]
    for each in signatures:
        lines += _entry(each)
    write_atomic(file, "\n".join(lines) + "\n")


def entries(signed: Signed) -> list[dict[str, str]]:
    """Return the signatures of a file, to be written again."""
    names = ("kind", "signature", "issuer", "token")
    return [
        {name: value for name in names if (value := getattr(each, name)) is not None}
        for each in signed.signatures
    ]


def files_in(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder that may hold such content, in order."""
    kinds = ("*.yaml", "*.yml", "*.json")
    return tuple(sorted(file for kind in kinds for file in folder.glob(kind)))


def _schema(content: Schema) -> Schema:
    return {
        "schema": {
            "type": "integer",
            "required": True,
            "allowed": [SCHEMA],
            "meta": {"description": "The version of this file's form."},
        },
        "content": mapping("What is signed.", content),
        "signatures": _SIGNATURES,
    }


def _entry(signature: Mapping[str, str]) -> list[str]:
    lines = []
    for number, (name, value) in enumerate(signature.items()):
        begin = "  - " if number == 0 else "    "
        if "\n" in value:
            lines.append(f"{begin}{name}: |")
            lines += [f"      {line}" if line else "" for line in value.rstrip("\n").split("\n")]
        else:
            lines.append(f"{begin}{name}: {_scalar(value)}")
    return lines


def _scalar(value: object) -> str:
    """Return a value in JSON, which YAML reads; every text in quotes, so that none is a number."""
    return json.dumps(value, ensure_ascii=False)
