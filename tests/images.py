# SPDX-License-Identifier: BSD-3-Clause
"""Container images made by hand: layers from members, and the documents that name them.

low = layer(File("etc/motd", b"hello"), Link("bin", "usr/bin"))
image = image_of([low], env=["PATH=/bin"])
registry.push("test/tiny", image)
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.inputs import oci
from core import process

GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a layer."""

    name: str
    content: bytes = b""
    mode: int = 0o644
    owner: int = 0
    time: int = 1_600_000_000


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a layer."""

    name: str
    mode: int = 0o755
    time: int = 1_600_000_000


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link of a layer, or a hard one."""

    name: str
    target: str
    is_hard: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """A device of a layer."""

    name: str


Member = File | Folder | Link | Device


def layer(*members: Member) -> bytes:
    """Return the plain tar of a layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            entry = tarfile.TarInfo(member.name)
            content = b""
            match member:
                case File():
                    entry.mode, entry.mtime = member.mode, member.time
                    entry.uid = entry.gid = member.owner
                    content = member.content
                    entry.size = len(content)
                case Folder():
                    entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, member.mode, member.time
                case Link():
                    entry.type = tarfile.LNKTYPE if member.is_hard else tarfile.SYMTYPE
                    entry.linkname = member.target
                case Device():
                    entry.type, entry.devmajor, entry.devminor = tarfile.CHRTYPE, 1, 3
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zstd(content: bytes, folder: Path) -> bytes:
    """Return content packed by the program zstd."""
    plain = folder / "plain"
    plain.write_bytes(content)
    packed = folder / "packed"
    process.run(["zstd", "-q", "-f", "-o", packed, plain], reason="pack a layer")
    return packed.read_bytes()


@dataclass(frozen=True, slots=True)
class MadeImage:
    """An image: its documents, and every blob by its sha256."""

    manifest: bytes
    config: bytes
    blobs: dict[str, bytes]
    media_type: str = oci.OCI_MANIFEST

    @property
    def digest(self) -> str:
        """Return the sha256 of the manifest."""
        return sha256(self.manifest)

    @property
    def id(self) -> str:
        """Return the image's id: the sha256 of its configuration."""
        return sha256(self.config)


def image_of(
    layers: Sequence[bytes],
    *,
    env: Sequence[str] = (),
    stored: Sequence[tuple[bytes, str]] | None = None,
    architecture: str = "amd64",
) -> MadeImage:
    """Return an image of plain layers; `stored` is how they are packed, gzip if not given."""
    packed = stored or [(gzip.compress(item, mtime=0), GZIP_LAYER) for item in layers]
    config = as_json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": list(env), "Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(item)}" for item in layers]},
        }
    )
    manifest = as_json(
        {
            "schemaVersion": 2,
            "mediaType": oci.OCI_MANIFEST,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(content, media_type) for content, media_type in packed],
        }
    )
    blobs = {sha256(content): content for content in (config, *(item for item, _ in packed))}
    return MadeImage(manifest, config, blobs)


def index_of(*images: tuple[MadeImage, str]) -> bytes:
    """Return an index of images, each with its architecture."""
    return as_json(
        {
            "schemaVersion": 2,
            "mediaType": oci.OCI_INDEX,
            "manifests": [
                {
                    **descriptor(image.manifest, image.media_type),
                    "platform": {"os": "linux", "architecture": architecture},
                }
                for image, architecture in images
            ],
        }
    )


def descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{sha256(content)}",
        "size": len(content),
    }


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


BUSYBOX = Path("/bin/busybox")  # Debian's busybox-static: one program that needs no library


def busybox_layer(*more: Member) -> bytes:
    """Return a layer in which programs run: busybox, and the names it is called by."""
    names = ("sh", "env", "cat", "cp", "find", "ls", "mkdir", "rmdir", "chmod", "true", "echo")
    return layer(
        Folder("bin"),
        File("bin/busybox", BUSYBOX.read_bytes(), 0o755),
        *(Link(f"bin/{name}", "busybox") for name in names),
        Folder("usr"),
        Link("usr/bin", "../bin"),
        Folder("etc"),
        File("etc/os-release", b"ID=tiny\nVERSION_ID=1\n"),
        *more,
    )


def docker_archive(image: MadeImage, layers: Sequence[bytes]) -> bytes:
    """Return the archive of an image as `docker save` writes it; `layers` as they lie in it."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    listed = [{"Config": "config.json", "RepoTags": ["tiny:1"], "Layers": names}]
    members = [File(name, content) for name, content in zip(names, layers, strict=True)]
    return layer(
        File("manifest.json", as_json(listed)), File("config.json", image.config), *members
    )
