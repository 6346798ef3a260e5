# SPDX-License-Identifier: BSD-3-Clause
"""The name of a container image that a base is made of: where it is, and its digest.

    docker://registry.example.org/group/name@sha256:…   a registry; the digest of a manifest or index
    docker-archive:image.tar@sha256:…                    a file of the base's folder, by `docker save`
    docker-daemon:name@sha256:…                          this machine's Docker; the image's id

The form of names is that of the OCI distribution specification (`<name>`, `<digest>`). A tag moves,
so it is refused: what a base is made of is named by what is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from core.errors import UserError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?\Z")


class ImageSource(StrEnum):
    """Where an image is had from."""

    REGISTRY = "docker"
    ARCHIVE = "docker-archive"
    DAEMON = "docker-daemon"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image by its place and its sha256, in hex.

    `place` is `host/name` in a registry, a path in the base's folder, or a name in the daemon.
    """

    source: ImageSource
    place: str
    sha256: str

    @property
    def host(self) -> str:
        """Return the registry's host, with its port where it has one."""
        return self.place.partition("/")[0]

    @property
    def name(self) -> str:
        """Return the repository in the registry."""
        return self.place.partition("/")[2]

    @property
    def title(self) -> str:
        """Return what it is called wherever it is had from: a registry's host is no part of it."""
        return self.name if self.source is ImageSource.REGISTRY else self.place


@dataclass(frozen=True, slots=True)
class ImageOrigin:
    """Where an image is had from: the reference, and the folder in which archives are."""

    reference: ImageReference
    folder: Path


def parse_reference(text: str) -> ImageReference:
    """Return the reference that a base's `image` field is.

    Raises:
        UserError: it is none, or has no digest.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in list(ImageSource):
        raise UserError(
            f"'{text}' is no container image",
            hint="write docker://HOST/NAME@sha256:…, docker-archive:FILE.tar@sha256:… or "
            "docker-daemon:NAME@sha256:…",
        )
    source = ImageSource(scheme)
    place, _, digest = rest.rpartition("@")
    if not _DIGEST.match(digest):
        raise _without_digest(text, source)
    sha256 = digest.removeprefix("sha256:")
    match source:
        case ImageSource.REGISTRY:
            return ImageReference(source, _in_registry(place), sha256)
        case ImageSource.ARCHIVE:
            return ImageReference(source, _in_folder(place), sha256)
        case ImageSource.DAEMON:
            return ImageReference(source, _named(place), sha256)


def _without_digest(text: str, source: ImageSource) -> UserError:
    ways = {
        ImageSource.REGISTRY: f"skopeo inspect {text.partition('@')[0]} prints it as Digest",
        ImageSource.ARCHIVE: "docker image inspect --format '{{.Id}}' NAME prints it",
        ImageSource.DAEMON: "docker image inspect --format '{{.Id}}' NAME prints it",
    }
    return UserError(
        f"'{text}' does not say which image it is: a tag moves, a digest stays",
        hint=f"end it with @sha256: and the image's digest; {ways[source]}",
    )


def _in_registry(place: str) -> str:
    host, _, name = place.removeprefix("//").partition("/")
    is_host = "." in host or ":" in host or host == "localhost"
    if not (place.startswith("//") and is_host and _HOST.match(host) and name):
        raise UserError(
            f"'docker:{place}' names no registry",
            hint="write its host as well: docker://registry.example.org/group/name@sha256:…",
        )
    return f"{host}/{_named(name)}"


def _in_folder(place: str) -> str:
    path = PurePosixPath(place)
    if not place or path.is_absolute() or ".." in path.parts or "\0" in place:
        raise UserError(
            f"'{place}' is no file of the base's folder",
            hint="put the archive beside base.yaml and write docker-archive:FILE.tar@sha256:…",
        )
    return str(path)


def _named(name: str) -> str:
    if not _NAME.match(name):
        raise UserError(
            f"'{name}' cannot be an image's name",
            hint="a name has lower-case letters, digits, '.', '_' and '-'; leave its tag out",
        )
    return name
