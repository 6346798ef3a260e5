# SPDX-License-Identifier: BSD-3-Clause
"""A container image as its JSON documents say: the index, the manifest, the configuration.

The formats are those of the OCI image specification 1.1 (`image-index.md`, `manifest.md`,
`config.md`) and of Docker's image manifest version 2, schema 2, which differ in their media types.
Nothing here reads a file or the network; what is read is verified against its digest by the caller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from builder.recipes.image_reference import ImageOrigin
from core.errors import UserError

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFESTS = (OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)
PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"

ARCHITECTURE = "amd64"
_SYSTEM = "linux"
_LAYERS = re.compile(
    r"application/vnd\.(oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)"
    r"(\+gzip|\+zstd|\.gzip|\.zstd)?\Z"
)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# What the user's session or Apptainer decides, or what would run code in every program.
_NOT_CARRIED = re.compile(r"(HOME|USER|SHELL|LD_PRELOAD|LD_AUDIT|APPTAINER.*|SINGULARITY.*)\Z")


@dataclass(frozen=True, slots=True)
class ImageBlob:
    """A part of an image as it is stored: its sha256 in hex, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer as it is stored, and `diff_id`: the sha256, in hex, of the tar that it unpacks to."""

    sha256: str
    size: int
    media_type: str
    diff_id: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A part of an image as an input of a build, with where images like it are had from."""

    sha256: str
    size: int
    name: str
    origin: ImageOrigin


@dataclass(frozen=True, slots=True)
class OciImage:
    """An image, all of it by digest: lowest layer first, and the environment of its programs.

    `manifest` is the sha256 of the registry's manifest; an archive has none.
    """

    manifest: str | None
    config: ImageBlob
    layers: tuple[ImageLayer, ...]
    environment: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str | None:
        """Return the PATH of its programs, where it sets one."""
        return dict(self.environment).get("PATH")

    def as_json(self) -> dict[str, Any]:
        """Return the image as JSON, as a lock has it."""
        return {
            "manifest": self.manifest,
            "config": asdict(self.config),
            "layers": [asdict(layer) for layer in self.layers],
            "environment": [list(pair) for pair in self.environment],
        }

    def parts(self, origin: ImageOrigin) -> tuple[ImagePart, ...]:
        """Return everything that is fetched, each once."""
        title = origin.reference.title
        found = {self.config.sha256: (self.config.size, f"configuration of {title}")}
        for number, layer in enumerate(self.layers, start=1):
            found.setdefault(layer.sha256, (layer.size, f"layer {number} of {title}"))
        return tuple(
            ImagePart(sha256, size, name, origin) for sha256, (size, name) in found.items()
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest: the configuration, and the layers with their media types."""

    config: ImageBlob
    layers: tuple[tuple[ImageBlob, str], ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an image's configuration says that we use."""

    diff_ids: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]


def manifest_for_this(index: bytes, *, name: str) -> str | None:
    """Return the sha256 of the manifest for Linux on amd64, or None where this is no index.

    Raises:
        UserError: the index has no such manifest, or more than one.
    """
    data = _document(index, name)
    if "manifests" not in data:
        return None
    with _Reading(name):
        platforms = {
            _digest(item["digest"]): item.get("platform", {}) for item in data["manifests"]
        }
        fitting = [
            digest
            for digest, platform in platforms.items()
            if (platform.get("os"), platform.get("architecture")) == (_SYSTEM, ARCHITECTURE)
        ]
        # `unknown` are attestations that describe the other manifests
        there = sorted(
            {f"{p.get('os')}/{p.get('architecture')}" for p in platforms.values()}
            - {"unknown/unknown"}
        )
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UserError(
            f"{name} has {len(fitting)} images for {_SYSTEM}/{ARCHITECTURE}",
            hint="name the digest of the one that is meant, not that of the index",
        )
    raise UserError(
        f"{name} is not made for {_SYSTEM}/{ARCHITECTURE}, but for {', '.join(there) or 'nothing'}",
        hint="name the digest of an image for this architecture",
    )


def read_manifest(manifest: bytes, *, name: str) -> Manifest:
    """Return what a manifest names.

    Raises:
        UserError: it is of another kind, or a layer is of a kind that is not to be had.
    """
    data = _document(manifest, name)
    with _Reading(name):
        if data.get("schemaVersion") != 2:
            raise UserError(
                f"{name} has a manifest of schema {data.get('schemaVersion')}, which names no digests",
                hint="push the image again with a current program",
            )
        layers = tuple((_blob(item), str(item["mediaType"])) for item in data["layers"])
        config = _blob(data["config"])
    for _, media_type in layers:
        if not _LAYERS.match(media_type):
            raise UserError(
                f"{name} has a layer of the type {media_type}, which is no file system to unpack",
                hint="only tar layers, plain or packed with gzip or zstd, that may be passed on",
            )
    return Manifest(config, layers)


def read_configuration(config: bytes, *, name: str) -> Configuration:
    """Return what an image's configuration says.

    Raises:
        UserError: it is of another architecture, or no configuration.
    """
    data = _document(config, name)
    with _Reading(name):
        made_for = f"{data.get('os')}/{data.get('architecture')}"
        if made_for != f"{_SYSTEM}/{ARCHITECTURE}":
            raise UserError(
                f"{name} is made for {made_for}, not for {_SYSTEM}/{ARCHITECTURE}",
                hint="name the digest of an image for this architecture",
            )
        if data["rootfs"]["type"] != "layers":
            raise ValueError(data["rootfs"]["type"])
        diff_ids = tuple(_digest(item) for item in data["rootfs"]["diff_ids"])
        variables = [str(item) for item in (data.get("config") or {}).get("Env") or ()]
    return Configuration(diff_ids, _environment(variables))


def assemble(
    manifest: Manifest, configuration: Configuration, *, digest: str | None, name: str
) -> OciImage:
    """Return the image that a manifest and its configuration describe.

    Raises:
        UserError: they do not speak of the same layers.
    """
    if len(manifest.layers) != len(configuration.diff_ids):
        raise UserError(
            f"{name} has {len(manifest.layers)} layers and {len(configuration.diff_ids)} in its "
            "configuration",
            hint="the image is broken; push it again",
        )
    layers = tuple(
        ImageLayer(blob.sha256, blob.size, media_type, diff_id)
        for (blob, media_type), diff_id in zip(manifest.layers, configuration.diff_ids, strict=True)
    )
    return OciImage(digest, manifest.config, layers, configuration.environment)


def _environment(variables: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that are carried over; of two with one name the last counts."""
    pairs = dict(item.partition("=")[::2] for item in variables)
    carried = {
        key: value
        for key, value in pairs.items()
        if _VARIABLE.match(key) and not _NOT_CARRIED.match(key)
    }
    return tuple(sorted(carried.items()))


def _document(content: bytes, name: str) -> Mapping[str, Any]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise _no_image(name) from err
    if not isinstance(data, dict):
        raise _no_image(name)
    return data


class _Reading:
    """Turns a missing or wrong field into words, for the time of a block."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, err: BaseException | None, trace: object) -> None:
        if isinstance(err, KeyError | TypeError | ValueError | AttributeError):
            raise _no_image(self.name) from err


def _no_image(name: str) -> UserError:
    return UserError(
        f"{name} is no container image that we can read",
        hint="the digest may be that of something else; look at it with: skopeo inspect --raw",
    )


def _blob(item: Mapping[str, Any]) -> ImageBlob:
    size = item["size"]
    if type(size) is not int or size < 0:
        raise ValueError(size)
    return ImageBlob(_digest(item["digest"]), size)


def _digest(text: object) -> str:
    """Return the hex digits of a sha256 digest.

    Raises:
        ValueError: it is another one; the specification lets registries use others, none does.
    """
    found = _DIGEST.match(str(text))
    if found is None:
        raise ValueError(text)
    return found[1]
