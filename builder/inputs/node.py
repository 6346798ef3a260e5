# SPDX-License-Identifier: BSD-3-Clause
"""Lock Node packages: npm says which, their archives are fetched once, and get a sha256 of ours."""

from __future__ import annotations

import concurrent.futures
import hashlib
from collections.abc import Sequence

import requests

from builder.inputs import npm
from builder.inputs.cache import InputCache
from builder.inputs.lock import NodePackage
from builder.inputs.places import Mirrors
from core.console import Console
from core.errors import UserError

_PARALLEL = 8
_TIMEOUT_S = (20, 120)


def lock_node(
    requirements: Sequence[str], cache: InputCache, *, console: Console
) -> tuple[NodePackage, ...]:
    """Return every package that Node requirements take, by folder; their archives are in the cache.

    Raises:
        UserError: npm is not here or finds no set of packages, or an archive is not what npm says.
    """
    if not requirements:
        return ()
    console.status("resolving Node packages")
    found = npm.resolve(requirements)
    registry = npm.registry()
    if registry is None:
        raise UserError("npm has no registry", hint="set one with: npm config set registry ADDRESS")
    mirrors = Mirrors()

    def locked(item: npm.Resolved) -> NodePackage:
        content = _download(registry + item.tarball, item, mirrors)
        return NodePackage(
            name=item.name,
            version=item.version,
            tarball=item.tarball,
            folder=item.folder,
            integrity=item.integrity,
            sha256=_kept(content, item, cache),
            commands=item.commands,
        )

    with concurrent.futures.ThreadPoolExecutor(_PARALLEL) as pool:
        return tuple(pool.map(locked, found))


def _download(url: str, item: npm.Resolved, mirrors: Mirrors) -> bytes:
    try:
        response = mirrors.session("web").get(url, timeout=_TIMEOUT_S)
        response.raise_for_status()
    except requests.RequestException as err:
        raise UserError(
            f"{item.tarball} could not be downloaded ({type(err).__name__})",
            hint="check the network and npm's configuration, then run it again",
        ) from err
    if not npm.holds(item.integrity, response.content):
        raise UserError(
            f"{item.tarball} is not what npm says: its hash is not {item.integrity}",
            hint="the registry serves other bytes than it lists; try another one",
        )
    return response.content


def _kept(content: bytes, item: npm.Resolved, cache: InputCache) -> str:
    """Put an archive into the cache and return its sha256."""
    sha256 = hashlib.sha256(content).hexdigest()
    if not cache.is_whole(sha256):
        part = cache.part(sha256)
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        cache.take(part, sha256, name=item.tarball)
    return sha256
