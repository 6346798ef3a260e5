# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from builder.inputs.cache import InputCache
from builder.inputs.layers import ImageFacts, plain_layer, read_facts
from builder.inputs.oci import ImageLayer
from core.errors import UserError
from tests.images import GZIP_LAYER, ZSTD_LAYER, File, Folder, Link, layer, sha256, zstd

PLAIN = layer(File("a", b"content"))
STATUS = File("var/lib/dpkg/status", b"Package: apt\nStatus: install ok installed\n")
DEBIAN = File("usr/lib/os-release", b'PRETTY_NAME="Debian"\nID=debian\nVERSION_CODENAME=bookworm\n')
LIBC = b"\0GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\n\0"
NOTHING = ImageFacts(None, "", None, None)


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    return InputCache(tmp_path / "inputs")


def keep(content: bytes, cache: InputCache) -> str:
    file = cache.path(sha256(content))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return sha256(content)


def stored(packed: bytes, plain: bytes, cache: InputCache) -> ImageLayer:
    return ImageLayer(keep(packed, cache), len(packed), GZIP_LAYER, sha256(plain))


@pytest.mark.needs("zstd")
def test_a_layer_is_unpacked_however_it_is_packed(cache: InputCache, tmp_path: Path) -> None:
    target = tmp_path / "layer.tar"

    for packed in (PLAIN, gzip.compress(PLAIN), zstd(PLAIN, tmp_path)):
        target.unlink(missing_ok=True)
        plain_layer(stored(packed, PLAIN, cache), cache, target)
        assert target.read_bytes() == PLAIN


def test_the_content_says_how_a_layer_is_packed(cache: InputCache, tmp_path: Path) -> None:
    packed = gzip.compress(PLAIN)
    mislabelled = ImageLayer(keep(packed, cache), len(packed), ZSTD_LAYER, sha256(PLAIN))

    plain_layer(mislabelled, cache, tmp_path / "layer.tar")

    assert (tmp_path / "layer.tar").read_bytes() == PLAIN


def test_a_layer_that_unpacks_to_something_else_is_refused(
    cache: InputCache, tmp_path: Path
) -> None:
    other = stored(gzip.compress(layer(File("evil"))), PLAIN, cache)

    with pytest.raises(UserError, match="does not unpack to what the image's configuration says"):
        plain_layer(other, cache, tmp_path / "layer.tar")

    assert not (tmp_path / "layer.tar").exists()


@pytest.mark.parametrize("cut", [10, 30])
def test_a_layer_that_cannot_be_unpacked_is_an_error(
    cut: int, cache: InputCache, tmp_path: Path
) -> None:
    broken = stored(gzip.compress(PLAIN)[:cut] + b"\xff" * 8, PLAIN, cache)

    with pytest.raises(UserError, match="cannot be unpacked"):
        plain_layer(broken, cache, tmp_path / "layer.tar")


def facts(layers: Sequence[bytes], cache: InputCache) -> ImageFacts:
    return read_facts([stored(plain, plain, cache) for plain in layers], cache)


def test_a_debian_with_python_is_seen(cache: InputCache) -> None:
    image = layer(
        Folder("./usr/bin"),
        Link("./etc/os-release", "../usr/lib/os-release"),
        DEBIAN,
        STATUS,
        File("./lib/x86_64-linux-gnu/libc.so.6", LIBC),
        Link("usr/bin/python3", "python3.11"),
        File("usr/bin/python3.11", b"\x7fELF", 0o755),
    )

    assert facts([image], cache) == ImageFacts(
        "bookworm", STATUS.content.decode(), (3, 11), (2, 36)
    )


def test_the_python_that_programs_find_counts(cache: InputCache) -> None:
    image = layer(
        Link("usr/bin/python3", "python3.11"),
        Link("usr/local/bin/python3", "/usr/local/bin/python3.12"),
        File("usr/local/bin/python3.12"),
    )

    assert facts([image], cache).python == (3, 12)


@pytest.mark.parametrize(
    "upper",
    [
        layer(File("var/lib/dpkg/.wh.status")),
        layer(File("var/lib/.wh.dpkg")),
        layer(File("var/.wh..wh..opq")),
        layer(File(".wh..wh..opq")),
        layer(File("var", b"a file now")),
        layer(Link("var/lib", "../elsewhere")),
    ],
    ids=["file", "folder", "opaque", "opaque root", "file for folder", "link for folder"],
)
def test_what_a_layer_takes_away_is_gone(upper: bytes, cache: InputCache) -> None:
    assert facts([layer(DEBIAN, STATUS), upper], cache).debian is None


def test_what_a_layer_takes_away_and_brings_again_is_there(cache: InputCache) -> None:
    upper = layer(STATUS, File("var/lib/dpkg/.wh..wh..opq"))

    assert facts([layer(DEBIAN, STATUS), upper], cache).debian == "bookworm"


def test_an_image_of_something_else_has_no_such_facts(cache: InputCache) -> None:
    image = layer(File("etc/os-release", b"ID=alpine\nVERSION_CODENAME=x\n"), File("bin/busybox"))

    assert facts([image, layer()], cache) == NOTHING


def test_a_layer_that_is_no_tar_is_an_error(cache: InputCache) -> None:
    with pytest.raises(UserError, match="is no tar"):
        facts([b"no tar" * 1000], cache)
