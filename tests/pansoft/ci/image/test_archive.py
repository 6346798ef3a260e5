# SPDX-License-Identifier: BSD-3-Clause
"""The archive of an image: the bytes hang on what is in it, and other programs read it as one."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from builder.inputs import docker_archive, oci
from builder.inputs.cache import InputCache
from pansoft.ci.image.archive import About, Written, write_archive
from pansoft.ci.image.layers import Layer

EPOCH = 1_700_000_000
ABOUT = About("0123abcd", EPOCH, "BSD-3-Clause", "https://gitlab.example.org/facility/software")
TAG = "pansoft-ci:latest"


def layer(folder: Path, name: str, content: bytes) -> Layer:
    file = folder / f"{name}.tar"
    with tarfile.open(file, "w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return Layer(file, f"what makes {name}")


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Layer, ...]:
    return layer(tmp_path, "system", b"low"), layer(tmp_path, "python", b"high")


def written(layers: tuple[Layer, ...], target: Path, about: About = ABOUT) -> Written:
    return write_archive(layers, about, target, tag=TAG)


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        found = {entry.name: tar.extractfile(entry) for entry in tar}
        return {name: stream.read() for name, stream in found.items() if stream is not None}


def blob(found: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    """Return what a descriptor names, after its size and digest were looked at."""
    content = found["blobs/" + descriptor["digest"].replace(":", "/")]
    assert descriptor["size"] == len(content)
    assert descriptor["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    return content


def test_it_is_an_image_layout_whose_every_digest_holds(
    layers: tuple[Layer, ...], tmp_path: Path
) -> None:
    made = written(layers, tmp_path / "image.tar")
    found = members(made.archive)
    [listed] = json.loads(found["index.json"])["manifests"]
    manifest = json.loads(blob(found, listed))
    config = json.loads(blob(found, manifest["config"]))

    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert listed["digest"] == made.digest
    assert manifest["config"]["digest"] == f"sha256:{made.id}"
    assert [blob(found, item) for item in manifest["layers"]] == [
        each.tar.read_bytes() for each in layers
    ]
    assert config["rootfs"]["diff_ids"] == [item["digest"] for item in manifest["layers"]]
    assert made.size == made.archive.stat().st_size


def test_it_says_what_it_is_made_of_and_where_its_programs_are(
    layers: tuple[Layer, ...], tmp_path: Path
) -> None:
    made = written(layers, tmp_path / "image.tar")
    config = json.loads(members(made.archive)[f"blobs/sha256/{made.id}"])

    assert config["config"] == {
        "Cmd": ["/bin/bash"],
        "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
        ],
        "Labels": {
            "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
            "org.opencontainers.image.description": "What jobs of pansoft run in",
            "org.opencontainers.image.licenses": "BSD-3-Clause",
            "org.opencontainers.image.revision": "0123abcd",
            "org.opencontainers.image.source": "https://gitlab.example.org/facility/software",
            "org.opencontainers.image.title": "pansoft-ci",
        },
        "WorkingDir": "/",
    }
    assert config["created"] == "2023-11-14T22:13:20Z"
    assert [item["created_by"] for item in config["history"]] == [
        "what makes system",
        "what makes python",
    ]


def test_the_same_layers_give_the_same_bytes_and_another_commit_others(
    layers: tuple[Layer, ...], tmp_path: Path
) -> None:
    first, second = written(layers, tmp_path / "1.tar"), written(layers, tmp_path / "2.tar")
    other = written(layers, tmp_path / "3.tar", About("9876fedc", EPOCH, "BSD-3-Clause"))

    assert first.archive.read_bytes() == second.archive.read_bytes()
    assert (first.id, first.digest) == (second.id, second.digest)
    assert first.id != other.id


def test_what_reads_the_archives_of_docker_reads_it(
    layers: tuple[Layer, ...], tmp_path: Path
) -> None:
    made = written(layers, tmp_path / "image.tar")
    cache = InputCache(tmp_path / "inputs")

    taken = docker_archive.take_image(made.archive, made.id, cache, name="image.tar")

    assert [cache.path(item.diff_id).read_bytes() for item in taken.layers] == [
        each.tar.read_bytes() for each in layers
    ]
    assert {item.media_type for item in taken.layers} == {oci.PLAIN_LAYER}
    assert taken.path == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
