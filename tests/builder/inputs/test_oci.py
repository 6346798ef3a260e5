# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.inputs import oci
from builder.inputs.oci import ImageBlob, ImageLayer
from builder.recipes.image_reference import ImageOrigin, parse_reference
from core.errors import UserError
from tests.images import File, MadeImage, image_of, index_of, layer, sha256

LOW = layer(File("a"))
HIGH = layer(File("b"))
IMAGE = image_of([LOW, HIGH], env=["PATH=/opt/x:/bin", "LANG=C.UTF-8"])


def read(image: MadeImage) -> oci.OciImage:
    manifest = oci.read_manifest(image.manifest, name="tiny")
    configuration = oci.read_configuration(image.config, name="tiny")
    return oci.assemble(manifest, configuration, digest=image.digest, name="tiny")


def test_an_image_is_its_documents() -> None:
    image = read(IMAGE)

    stored = json.loads(IMAGE.manifest)["layers"]
    assert image.manifest == IMAGE.digest
    assert image.config == ImageBlob(IMAGE.id, len(IMAGE.config))
    assert image.layers == tuple(
        ImageLayer(
            item["digest"].removeprefix("sha256:"), item["size"], item["mediaType"], sha256(plain)
        )
        for item, plain in zip(stored, (LOW, HIGH), strict=True)
    )
    assert image.path == "/opt/x:/bin"


def test_a_layer_that_stands_twice_is_fetched_once() -> None:
    origin = ImageOrigin(parse_reference(f"docker-daemon:tiny@sha256:{IMAGE.id}"), Path())

    parts = read(image_of([LOW, HIGH, LOW])).parts(origin)

    assert [part.name for part in parts] == [
        "configuration of tiny",
        "layer 1 of tiny",
        "layer 2 of tiny",
    ]


def test_of_the_environment_is_left_out_what_is_not_the_image_s_to_say() -> None:
    image = read(image_of([LOW], env=["B=2=2", "B=3", "HOME=/x", "LD_PRELOAD=/x", "A b=1", "A=\n"]))

    assert image.environment == (("A", "\n"), ("B", "3"))
    assert image.path is None


def test_of_an_index_the_image_for_this_architecture_is_taken() -> None:
    arm = image_of([LOW], architecture="arm64")
    index = index_of((arm, "arm64"), (IMAGE, "amd64"), (image_of([HIGH]), "unknown"))

    assert oci.manifest_for_this(index, name="tiny") == IMAGE.digest
    assert oci.manifest_for_this(IMAGE.manifest, name="tiny") is None


def changed(document: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(document) | fields).encode()


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (index_of((IMAGE, "arm64")), "not made for linux/amd64, but for linux/arm64"),
        (index_of((IMAGE, "amd64"), (image_of([LOW]), "amd64")), "has 2 images for linux/amd64"),
        (changed(index_of(), manifests=[{}]), "no container image that we can read"),
        (changed(index_of(), manifests=7), "no container image that we can read"),
        (b"\xff", "no container image that we can read"),
        (b"[" * 100_000, "no container image that we can read"),
        (b"[]", "no container image that we can read"),
    ],
    ids=["another architecture", "two", "no digest", "no list", "no JSON", "deep", "a list"],
)
def test_an_index_without_one_image_for_us_is_refused(index: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        oci.manifest_for_this(index, name="tiny")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (changed(IMAGE.manifest, schemaVersion=1), "schema 1"),
        (
            image_of(
                [LOW], stored=[(b"x", "application/vnd.oci.image.layer.nondistributable.v1.tar")]
            ),
            "which is no file system to unpack",
        ),
        (image_of([LOW], stored=[(b"x", "application/vnd.cyclonedx+json")]), "no file system"),
        (
            changed(IMAGE.manifest, layers=[{"digest": "sha256:12", "size": 1}]),
            "no container image",
        ),
        (
            changed(IMAGE.manifest, config={"digest": f"sha512:{'0' * 128}", "size": 1}),
            "no container",
        ),
        (
            changed(IMAGE.manifest, config={"digest": f"sha256:{'0' * 64}", "size": "1"}),
            "no container",
        ),
    ],
    ids=["schema 1", "foreign layer", "no layer", "short digest", "sha512", "size"],
)
def test_a_manifest_that_we_cannot_use_is_refused(
    manifest: bytes | MadeImage, message: str
) -> None:
    content = manifest.manifest if isinstance(manifest, MadeImage) else manifest

    with pytest.raises(UserError, match=message):
        oci.read_manifest(content, name="tiny")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed(IMAGE.config, architecture="arm64"), "made for linux/arm64, not for linux/amd64"),
        (changed(IMAGE.config, rootfs={"type": "tree"}), "no container image"),
        (changed(IMAGE.config, rootfs=None), "no container image"),
        (changed(IMAGE.config, config={"Env": 3}), "no container image"),
    ],
    ids=["another architecture", "no layers", "no rootfs", "no environment"],
)
def test_a_configuration_that_we_cannot_use_is_refused(config: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        oci.read_configuration(config, name="tiny")


def test_documents_that_contradict_each_other_are_refused() -> None:
    manifest = oci.read_manifest(IMAGE.manifest, name="tiny")
    configuration = oci.read_configuration(image_of([LOW]).config, name="tiny")

    with pytest.raises(UserError, match="has 2 layers and 1 in its configuration"):
        oci.assemble(manifest, configuration, digest=None, name="tiny")
