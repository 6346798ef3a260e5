# SPDX-License-Identifier: BSD-3-Clause
"""Layers and a configuration as one archive: an OCI image layout that `docker load` takes as well.

The formats are those of the OCI image specification 1.1 (`image-layout.md`, `manifest.md`, `config.md`,
`annotations.md`) and, for `manifest.json`, of Docker's image specification 1.2. Layers are plain tars:
how they are packed on the way to a registry is for the daemon that pushes them.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builder.inputs.oci import ARCHITECTURE, OCI_INDEX, OCI_MANIFEST, PLAIN_LAYER
from core import process
from core.files import atomic_file, sha256_file
from pansoft.ci.image.layers import Layer

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LABEL = "org.opencontainers.image"


@dataclass(frozen=True, slots=True)
class About:
    """What an image says of itself: `created` in seconds since 1970, `source` the project's address."""

    revision: str
    created: int
    licenses: str
    source: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Return its labels by the names that the specification gives them."""
        found = {
            f"{_LABEL}.created": self.time,
            f"{_LABEL}.description": "What jobs of pansoft run in",
            f"{_LABEL}.licenses": self.licenses,
            f"{_LABEL}.revision": self.revision,
            f"{_LABEL}.title": "pansoft-ci",
        }
        return {**found, f"{_LABEL}.source": self.source} if self.source else found

    @property
    def time(self) -> str:
        """Return when it was made, as RFC 3339 writes it."""
        return datetime.fromtimestamp(self.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Written:
    """An archive: `id` is the sha256 of the configuration, as Docker names an image, in hex.

    `digest` is that of the manifest. `size` is in bytes.
    """

    archive: Path
    id: str
    digest: str
    size: int


def write_archive(layers: Sequence[Layer], about: About, target: Path, *, tag: str) -> Written:
    """Write an image to an archive and return what it is; the same layers give the same bytes.

    Args:
        layers: the lowest first.
        about: what the image says of itself.
        target: the archive, replaced when it is whole.
        tag: how Docker calls it once it is loaded, `NAME:TAG`.
    """
    digests = [sha256_file(layer.tar) for layer in layers]
    config = _json(_configuration(layers, digests, about))
    listed = [
        {"mediaType": PLAIN_LAYER, "digest": f"sha256:{digest}", "size": layer.tar.stat().st_size}
        for layer, digest in zip(layers, digests, strict=True)
    ]
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": listed,
        }
    )
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": OCI_MANIFEST,
                "digest": _digest(manifest),
                "size": len(manifest),
                "annotations": {f"{_LABEL}.ref.name": tag},
            }
        ],
    }
    for_docker = [
        {
            "Config": _place(_digest(config)),
            "RepoTags": [tag],
            "Layers": [_place(f"sha256:{digest}") for digest in digests],
        }
    ]
    documents = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        "manifest.json": _json(for_docker),
        _place(_digest(config)): config,
        _place(_digest(manifest)): manifest,
    }
    blobs = {
        _place(f"sha256:{digest}"): each.tar for each, digest in zip(layers, digests, strict=True)
    }
    with atomic_file(target) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in documents.items():
            _add(tar, name, io.BytesIO(content), len(content), about.created)
        for name, file in blobs.items():
            with file.open("rb") as reader:
                _add(tar, name, reader, file.stat().st_size, about.created)
    return Written(
        target, _digest(config).partition(":")[2], _digest(manifest), target.stat().st_size
    )


def _configuration(layers: Sequence[Layer], digests: Sequence[str], about: About) -> dict[str, Any]:
    return {
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": about.time,
        "config": {
            "Env": [f"PATH={process.SYSTEM_PATH}", "LANG=C.UTF-8"],
            "Cmd": ["/bin/bash"],
            "WorkingDir": "/",
            "Labels": about.labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": about.time, "created_by": layer.made_by} for layer in layers],
    }


def _add(tar: tarfile.TarFile, name: str, content: Any, size: int, epoch: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, epoch, 0o644
    tar.addfile(entry, content)


def _json(document: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _place(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")
