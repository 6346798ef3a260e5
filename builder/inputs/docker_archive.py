# SPDX-License-Identifier: BSD-3-Clause
"""The archive that `docker save` writes: images in a tar, brought into the input cache by content.

The format is that of Docker's image specification 1.2 ("Combined Image JSON + Filesystem Changeset
Format"): `manifest.json` lists images, each with the files of its configuration and of its layers.
An image is known by the sha256 of its configuration, which names the sha256 of each layer's plain
tar; so a layer is kept as that plain tar, however the program that saved it has packed it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import IO, Any

from builder.inputs import oci
from builder.inputs.cache import InputCache
from builder.inputs.oci import ImageBlob, ImageLayer, OciImage
from core.errors import UserError

_DOCUMENT_BYTES = 4 << 20
_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"


def take_image(archive: Path, sha256: str, cache: InputCache, *, name: str) -> OciImage:
    """Bring an image of an archive into the cache and return it.

    Args:
        archive: the tar.
        sha256: the image's id: the sha256 of its configuration.
        cache: where its configuration and layers go.
        name: what messages call the image.

    Raises:
        UserError: the archive cannot be read or does not hold this image.
    """
    try:
        with tarfile.open(archive) as tar:
            return _take(tar, sha256, cache, name=name)
    except (tarfile.TarError, EOFError, OSError) as err:
        reason = getattr(err, "strerror", None) or "it is no tar, or cut short"
        raise UserError(
            f"{name} cannot be read: {reason}", hint="write it again with: docker save"
        ) from err


def _take(tar: tarfile.TarFile, sha256: str, cache: InputCache, *, name: str) -> OciImage:
    found: list[str] = []
    for entry in _entries(tar, name):
        config = _content(tar, str(entry.get("Config")), name)
        digest = hashlib.sha256(config).hexdigest()
        found.append(digest)
        if digest != sha256:
            continue
        configuration = oci.read_configuration(config, name=name)
        files = [str(item) for item in entry.get("Layers") or ()]
        if len(files) != len(configuration.diff_ids):
            raise UserError(f"{name} lacks layers of the image", hint="write it again: docker save")
        _keep(config, sha256, cache)
        layers = tuple(
            _layer(tar, file, diff_id, cache, name=name)
            for file, diff_id in zip(files, configuration.diff_ids, strict=True)
        )
        blob = ImageBlob(sha256, len(config))
        return OciImage(None, blob, layers, configuration.environment)
    raise UserError(
        f"{name} does not hold the image sha256:{sha256}",
        hint="it holds "
        + (" and ".join(f"sha256:{item}" for item in found) or "no image")
        + "; the digest is the image's id: docker image inspect --format '{{.Id}}' NAME",
    )


def _entries(tar: tarfile.TarFile, name: str) -> list[dict[str, Any]]:
    try:
        listed = json.loads(_content(tar, "manifest.json", name))
    except ValueError as err:
        raise _no_archive(name) from err
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise _no_archive(name)
    return listed


def _layer(
    tar: tarfile.TarFile, file: str, diff_id: str, cache: InputCache, *, name: str
) -> ImageLayer:
    """Bring a layer into the cache as a plain tar."""
    if not cache.has(diff_id):
        part = cache.part(diff_id)
        part.parent.mkdir(parents=True, exist_ok=True)
        with _member(tar, file, name) as stored, part.open("wb") as plain:
            is_packed = stored.read(2) == _GZIP
            stored.seek(0)
            source = gzip.GzipFile(fileobj=stored) if is_packed else stored
            shutil.copyfileobj(source, plain, _BLOCK)
        cache.take(part, diff_id, name=f"the layer {file} of {name}")
    return ImageLayer(diff_id, cache.path(diff_id).stat().st_size, oci.PLAIN_LAYER, diff_id)


def _keep(content: bytes, sha256: str, cache: InputCache) -> None:
    part = cache.part(sha256)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(content)
    cache.take(part, sha256, name="the image's configuration")


def _content(tar: tarfile.TarFile, file: str, name: str) -> bytes:
    with _member(tar, file, name) as stream:
        return stream.read(_DOCUMENT_BYTES)


def _member(tar: tarfile.TarFile, file: str, name: str) -> IO[bytes]:
    try:
        stream = tar.extractfile(file)
    except KeyError as err:
        raise _no_archive(name) from err
    if stream is None:
        raise _no_archive(name)
    return stream


def _no_archive(name: str) -> UserError:
    return UserError(
        f"{name} is not what docker save writes",
        hint="write it with: docker save --output FILE.tar",
    )
