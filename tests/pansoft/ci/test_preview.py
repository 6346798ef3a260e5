# SPDX-License-Identifier: BSD-3-Clause
"""What is told of a preview has a form, and who tells it on believes no more than that."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core import process
from core.errors import UserError
from cvmfs.format.paths import repository_name
from pansoft.ci import preview as previews
from pansoft.ci.preview import Preview

KEY = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBg+/kq0=\n-----END PUBLIC KEY-----\n"
NAME = "mr-7.preview.software.pansoft.local"
BASE = "http://preview.example.org:8000/cvmfs"
SERVER = "https://gitlab.example.org"
SERVED = Preview(
    NAME, f"{BASE}/{NAME}", None, KEY, "2026-11-26T22:00:00Z", ("plotter",), ("plot", "plot-2d")
)
KEPT = replace(SERVED, url=None, link=f"{SERVER}/pan/recipes/-/jobs/9/artifacts/download")


@pytest.mark.parametrize("number", [1, 7, 999_999_999])
def test_a_preview_has_a_name_that_a_repository_can_have(number: int) -> None:
    name = previews.name_of(number)

    assert repository_name(name) == name
    assert previews.number_in(name) == number


@pytest.mark.parametrize(
    "name",
    [
        "software.pansoft.local",
        "mr-0.preview.software.pansoft.local",
        "mr-07.preview.software.pansoft.local",
        "mr-7.preview.software.pansoft.local.evil.example",
        "mr-7.preview.softwareXpansoft.local",
        f"../{NAME}",
        f"{NAME}\n",
        "",
    ],
)
def test_no_other_name_is_that_of_a_preview(name: str) -> None:
    assert previews.number_in(name) is None


def test_what_a_job_left_is_read_back(tmp_path: Path) -> None:
    (tmp_path / previews.FILE).write_bytes(previews.as_bytes(SERVED))

    assert previews.read(tmp_path) == SERVED
    assert json.loads(previews.as_bytes(SERVED))["schema"] == 1


def test_a_job_that_left_none_is_no_fault(tmp_path: Path) -> None:
    assert previews.read(tmp_path) is None
    assert previews.read(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fqrn": "software.pansoft.local"}, "is not the name of a preview"),
        ({"url": "http://x.example/$(id)"}, "is not the address of a preview"),
        ({"url": "file:///etc"}, "is not the address of a preview"),
        ({"url": f"http://x.example/{'a' * 300}"}, "is not the address of a preview"),
        ({"public_key": "END\nrm -rf ~\n"}, "its key is not a public key"),
        ({"public_key": KEY.replace("PUBLIC", "PRIVATE")}, "its key is not a public key"),
        ({"expires": "tomorrow"}, "is not a time"),
        ({"packages": ()}, "it has 0 packages"),
        ({"packages": tuple(f"p{number}" for number in range(21))}, "it has 21 packages"),
        ({"packages": ("x; rm -rf ~",)}, "is no name of a package or a command"),
        ({"commands": ("plot\nid",)}, "is no name of a package or a command"),
        ({"commands": ("plot",) * 201}, "it has 201 commands"),
    ],
)
def test_what_could_do_harm_in_a_shell_is_refused(
    change: dict[str, object], why: str, tmp_path: Path
) -> None:
    hostile = replace(SERVED, **change)  # type: ignore[arg-type]  # each is of its field's type
    (tmp_path / previews.FILE).write_bytes(previews.as_bytes(hostile))

    with pytest.raises(UserError, match="is not what is left of a preview") as caught:
        previews.read(tmp_path)

    assert why in caught.value.message


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"schema": 1}', b"\xff", b" " * (2 << 20)], ids=range(5)
)
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / previews.FILE).write_bytes(content)

    with pytest.raises(UserError, match="is not what is left of a preview"):
        previews.read(tmp_path)


def test_one_of_a_later_form_is_refused(tmp_path: Path) -> None:
    content = previews.as_bytes(SERVED).replace(b'"schema": 1', b'"schema": 2')
    (tmp_path / previews.FILE).write_bytes(content)

    with pytest.raises(UserError, match="its schema is 2, this program reads 1"):
        previews.read(tmp_path)


def test_a_preview_at_the_facilitys_address_is_believed() -> None:
    assert previews.believed(SERVED, 7, base=f"{BASE}/", server=SERVER) == SERVED
    assert previews.believed(KEPT, 7, base=None, server=SERVER) == KEPT


@pytest.mark.parametrize(
    ("preview", "number", "base"),
    [
        (None, 7, BASE),
        (SERVED, 8, BASE),
        (SERVED, 7, None),
        (SERVED, 7, "http://preview.example.org/cvmfs"),
        (replace(SERVED, url=f"http://evil.example/{NAME}"), 7, BASE),
        (replace(KEPT, link="https://evil.example/artifacts/download"), 7, BASE),
        (replace(KEPT, link=f"{SERVER}.evil.example/artifacts/download"), 7, BASE),
        (replace(KEPT, link=None), 7, BASE),
    ],
    ids=["none", "number", "nowhere", "elsewhere", "stranger", "link", "host", "no link"],
)
def test_any_other_is_not_told_on(preview: Preview | None, number: int, base: str | None) -> None:
    assert previews.believed(preview, number, base=base, server=SERVER) is None


@pytest.mark.parametrize("base", ["", "preview.example.org", "http://x y/", "http://x/$HOME"])
def test_what_is_no_address_is_refused(base: str) -> None:
    with pytest.raises(UserError, match="is not the address of a folder on a web server"):
        previews.address_of(base, 7)


def test_the_lines_to_mount_it() -> None:
    assert previews.to_mount(SERVED).splitlines() == [
        f"cat > {NAME}.pub <<'END'",
        "-----BEGIN PUBLIC KEY-----",
        "MIIBIjANBg+/kq0=",
        "-----END PUBLIC KEY-----",
        "END",
        f"pansoft repo mount /tmp/mr-7 --source {BASE}/{NAME} --fqrn {NAME} --public-key {NAME}.pub",
        ". /tmp/mr-7/testing/setup.sh",
        "# now there are: plot, plot-2d",
        "pansoft repo unmount /tmp/mr-7",
    ]


def test_the_lines_to_mount_what_is_among_artifacts() -> None:
    first, *_, mount, _, _, _ = previews.to_mount(KEPT).splitlines()

    assert first == "unzip artifacts.zip 'preview/*'"
    assert f'--source "$PWD/preview/{NAME}"' in mount
    assert previews.to_configure(KEPT) == ""


@pytest.mark.parametrize("preview", [SERVED, KEPT], ids=["served", "kept"])
def test_a_shell_reads_the_lines(preview: Preview) -> None:
    for lines in (previews.to_mount(preview), previews.to_configure(preview)):
        process.run(["sh", "-n", "-c", lines], reason="parse the lines")


def test_the_lines_for_the_client_of_cvmfs() -> None:
    text = previews.to_configure(SERVED)

    assert f"CVMFS_SERVER_URL={BASE}/{NAME}\n" in text
    assert f"CVMFS_PUBLIC_KEY=/etc/cvmfs/keys/{NAME}.pub\n" in text
    assert f"sudo mount -t cvmfs {NAME} /cvmfs/{NAME}\n" in text


def test_the_environment_of_gitlab_has_an_address() -> None:
    page = f"{SERVER}/pan/recipes/-/jobs/9/artifacts/browse"

    assert previews.variables(SERVED, page=page) == (
        f"PREVIEW_URL={BASE}/{NAME}\nPREVIEW_NAME={NAME}\nPREVIEW_EXPIRES=2026-11-26T22:00:00Z\n"
    )
    assert f"PREVIEW_URL={page}\n" in previews.variables(KEPT, page=page)


def test_commands_with_strange_names_are_not_told() -> None:
    assert previews.told_commands(["plot", "a b", "$(id)", "c++"]) == ("plot", "c++")
