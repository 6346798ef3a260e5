# SPDX-License-Identifier: BSD-3-Clause
"""pip reads what an index offers, and nothing of it is run: with genuine pip and an index on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.inputs import lone_pip
from builder.inputs.pip_resolver import resolve_wheels
from builder.recipes import from_pypi
from core import process
from core.errors import UserError
from tests.packages import index_page, sdist, wheel
from tests.servers import FileServer, file_server

BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in list(os.environ):
        if name.startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with file_server() as running:
        monkeypatch.setenv("PIP_INDEX_URL", running.url("/simple"))
        yield running


def offer(index: FileServer, filename: str, content: bytes, *, of: str = "drawer") -> None:
    index.files[f"/simple/{of}/"] = index_page({filename: content})
    index.types[f"/simple/{of}/"] = "text/html"
    index.files[f"/files/{filename}"] = content


def test_the_backend_of_an_sdist_behind_an_address_is_not_run(
    index: FileServer, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    program = f"open({str(mark)!r}, 'w').write('x')\n"
    _, content = sdist("evil", {"pyproject.toml": BACKEND, "backend.py": program})
    index.files["/evil-1.0.tar.gz"] = content
    offer(index, *wheel("drawer", requires=(f"evil @ {index.url('/evil-1.0.tar.gz')}",)))

    with pytest.raises(UserError, match=r"pip starts no program here \(subprocess\.Popen\)"):
        resolve_wheels(["drawer==1.0"])

    assert not mark.exists()


def test_nor_is_the_setup_of_an_sdist_in_the_index(index: FileServer, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    offer(index, *sdist("drawer", {"setup.py": f"open({str(mark)!r}, 'w').write('x')\n"}))

    with pytest.raises(UserError, match="pip has no wheel of 'drawer'"):
        from_pypi.facts("drawer")

    assert not mark.exists()


@pytest.mark.parametrize("path", ["./drawer", "drawer-1.0.tar.gz", "--help"])
def test_what_is_said_of_a_wheel_is_never_an_option(index: FileServer, path: str) -> None:
    with pytest.raises(UserError, match="pip has no wheel of"):
        from_pypi.facts(path)


def test_wheels_are_resolved_as_ever(index: FileServer) -> None:
    offer(index, *wheel("drawer", requires=("paper",)))
    offer(index, *wheel("paper", "2.0"), of="paper")

    found = resolve_wheels(["drawer==1.0"])

    assert [(each.name, each.version) for each in found] == [("drawer", "1.0"), ("paper", "2.0")]


def test_a_wheel_that_is_too_large_is_not_kept(index: FileServer) -> None:
    offer(index, *wheel("drawer"))

    with pytest.raises(UserError, match=r"the wheel of 'drawer==1\.0' has more than 0\.0001 MB"):
        from_pypi.facts("drawer==1.0", most_bytes=100)
    assert from_pypi.facts("drawer==1.0", most_bytes=100_000).version == "1.0"


def test_it_is_the_pip_of_this_environment() -> None:
    said = process.run(lone_pip.command("--version"), reason="ask pip").stdout

    assert said.startswith("pip ")
