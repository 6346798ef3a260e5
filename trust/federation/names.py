# SPDX-License-Identifier: BSD-3-Clause
"""The words of the federation: namespaces, what they may list, and where its files lie.

A namespace is a word before the first `/` of a target's path. What it may hold has one of two forms:

    <namespace>/<package>/<version>/<file>     a file of a published version
    <namespace>/keys/<file>                    a public key: of a repository (`<fqrn>.pub`), a signer (`.asc`)
    <namespace>/policy/<file>                  the trust policy that it is published under

A `*` of The Update Framework does not go over `/`, so the delegation of a namespace is three patterns.
"""

from __future__ import annotations

import re
from typing import Final

from core.errors import UserError

FOLDER: Final = "trust/federation"
"""Where a repository has the metadata."""

TARGETS_FOLDER: Final = "targets"
"""Where, below that, keys and policy lie as files; images and statements lie in the repository."""

CORE: Final = "core"
"""The namespace of what all facilities answer for together."""

TOP_ROLES: Final = ("root", "targets", "snapshot", "timestamp")
KEYS: Final = "keys"
POLICY: Final = "policy"

_NAMESPACE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}")


def check_namespace(name: str) -> str:
    """Return a namespace's name.

    Raises:
        UserError: it is none.
    """
    if not _NAMESPACE.fullmatch(name) or name in TOP_ROLES:
        raise UserError(
            f"'{name}' is not a namespace",
            hint="a namespace is a word like esrf: small letters, digits and '-'; "
            f"not one of {', '.join(TOP_ROLES)}",
        )
    return name


def check_key_name(name: str) -> str:
    """Return the name of a key's file, without its ending.

    Raises:
        UserError: it would not be a file of its folder.
    """
    if not _NAMESPACE.fullmatch(name):
        raise UserError(
            f"'{name}' is not a name for a key",
            hint="a word of small letters, digits and '-', like esrf-2026; 'online' for the timestamp",
        )
    return name


def patterns(namespace: str) -> tuple[str, ...]:
    """Return the patterns of paths that belong to a namespace."""
    return (f"{namespace}/*/*/*", f"{namespace}/{KEYS}/*", f"{namespace}/{POLICY}/*")


def target_path(namespace: str, *parts: str) -> str:
    """Return the path of a target: package, version and file, or `keys`/`policy` and a file.

    Raises:
        UserError: a part would not stay one part of the path.
    """
    for part in parts:
        if not _PART.fullmatch(part):
            raise UserError(f"'{part[:80]}' cannot be part of a target's name")
    return "/".join((check_namespace(namespace), *parts))


def published_name(role: str, version: int) -> str:
    """Return the file name of a role's metadata; the timestamp alone has no version in it."""
    return f"{role}.json" if role == "timestamp" else f"{version}.{role}.json"
