# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from builder.recipes.image_reference import ImageReference, ImageSource, parse_reference
from core.errors import UserError

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (
            f"docker://registry.example.org/group/debian_12@{DIGEST}",
            ImageReference(ImageSource.REGISTRY, "registry.example.org/group/debian_12", HEX),
        ),
        (
            f"docker://localhost:5000/tiny@{DIGEST}",
            ImageReference(ImageSource.REGISTRY, "localhost:5000/tiny", HEX),
        ),
        (
            f"docker-archive:images/tiny.tar@{DIGEST}",
            ImageReference(ImageSource.ARCHIVE, "images/tiny.tar", HEX),
        ),
        (
            f"docker-daemon:group/tiny@{DIGEST}",
            ImageReference(ImageSource.DAEMON, "group/tiny", HEX),
        ),
    ],
    ids=["registry", "registry with a port", "archive", "daemon"],
)
def test_a_reference_is_read(text: str, reference: ImageReference) -> None:
    assert parse_reference(text) == reference


def test_a_registry_has_a_host_and_a_name() -> None:
    reference = parse_reference(f"docker://registry.example.org:5000/a/b@{DIGEST}")

    assert (reference.host, reference.name) == ("registry.example.org:5000", "a/b")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("debian:12", "'debian:12' is no container image", "docker://HOST/NAME@sha256:"),
        (
            "docker://registry.example.org/debian:12",
            "a tag moves, a digest stays",
            "skopeo inspect docker://registry.example.org/debian:12 prints it",
        ),
        (
            f"docker://registry.example.org/debian:12@{DIGEST}",
            "'debian:12' cannot be an image's name",
            "leave its tag out",
        ),
        ("docker-daemon:tiny:1", "a tag moves", "docker image inspect"),
        ("docker-archive:tiny.tar", "does not say which image", "docker image inspect"),
        (
            f"docker-archive:../tiny.tar@{DIGEST}",
            "is no file of the base's folder",
            "beside base.yaml",
        ),
        (
            f"docker-archive:/tiny.tar@{DIGEST}",
            "is no file of the base's folder",
            "beside base.yaml",
        ),
        (f"docker-archive:@{DIGEST}", "is no file of the base's folder", "beside base.yaml"),
        (f"docker://debian@{DIGEST}", "names no registry", "write its host as well"),
        (f"docker://group/debian@{DIGEST}", "names no registry", "write its host as well"),
        (f"docker:registry.example.org/a@{DIGEST}", "names no registry", "write its host"),
        (
            f"docker://registry.example.org/Debian@{DIGEST}",
            "cannot be an image's name",
            "lower-case",
        ),
        ("docker://registry.example.org/a@sha256:abc", "a digest stays", "end it with @sha256:"),
        (f"docker://user@registry.example.org/a@{DIGEST}", "names no registry", "write its host"),
    ],
    ids=lambda value: value[:60],
)
def test_what_is_no_pinned_image_is_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_reference(text)

    assert message in refused.value.message
    assert hint in str(refused.value.hint)
