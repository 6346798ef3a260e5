# SPDX-License-Identifier: BSD-3-Clause
"""Projects without wheels are locked as sdists, with the wheels that their builds take."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.inputs import sdists
from builder.inputs.cache import InputCache
from builder.inputs.lock import PythonArtefact
from builder.inputs.sdists import Resolved
from core.console import Console
from core.errors import UserError
from tests.packages import index_page, sdist, wheel
from tests.servers import FileServer

pytestmark = pytest.mark.needs("apt-get", "unshare", "setpriv")

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
STATIC = "Metadata-Version: 2.2\nName: tool\nVersion: 1.0\nRequires-Dist: dependency>=1\n"
BACKEND = """\
import os
def get_requires_for_build_wheel(settings=None):
    return {requires}
def prepare_metadata_for_build_wheel(folder, settings=None):
    os.mkdir(os.path.join(folder, "tool-1.0.dist-info"))
    with open(os.path.join(folder, "tool-1.0.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: tool\\nVersion: 1.0\\nRequires-Dist: dependency\\n")
    return "tool-1.0.dist-info"
"""
TOOL = {"pyproject.toml": PYPROJECT, "PKG-INFO": STATIC, "backend.py": BACKEND.format(requires=[])}


class Index:
    """A Python index in which `tool` has an sdist only."""

    def __init__(self, server: FileServer, folder: Path) -> None:
        self.server = server
        self.cache = InputCache(folder / "inputs")
        self.offer("dependency", *wheel("dependency"))
        self.offer("setuptools", *wheel("setuptools", "70.0"))
        self.offer("wheel", *wheel("wheel"))

    def offer(self, project: str, name: str, content: bytes) -> str:
        self.server.files[f"/simple/{project}/"] = index_page({name: content})
        self.server.types[f"/simple/{project}/"] = "text/html"
        self.server.files[f"/files/{name}"] = content
        return hashlib.sha256(content).hexdigest()

    def offer_tool(self, files: Mapping[str, str]) -> str:
        return self.offer("tool", *sdist("tool", files))

    def resolve(self, *requirements: str) -> Resolved:
        return sdists.resolve(requirements, (), self.cache, console=Console(quiet=True))


@pytest.fixture
def index(host: FileServer, tmp_path: Path) -> Index:
    return Index(host, tmp_path)


def names(artefacts: tuple[PythonArtefact, ...]) -> list[str]:
    return [artefact.name for artefact in artefacts]


def test_what_an_sdist_needs_at_run_time_is_locked_with_it(index: Index) -> None:
    digest = index.offer_tool(TOOL)

    found = index.resolve("tool==1.0")

    assert names(found.wheels) == ["dependency"]
    [tool] = found.sdists
    assert (tool.name, tool.filename, tool.sha256) == ("tool", "tool-1.0.tar.gz", digest)
    assert tool.requires == ()


def test_metadata_that_do_not_hold_are_asked_of_the_backend(index: Index) -> None:
    index.offer_tool({**TOOL, "PKG-INFO": STATIC + "Dynamic: Requires-Dist\n"})

    assert names(index.resolve("tool").wheels) == ["dependency"]


def test_what_the_backend_asks_for_is_locked_for_the_build_only(index: Index) -> None:
    index.offer_tool({**TOOL, "backend.py": BACKEND.format(requires=["setuptools"])})

    found = index.resolve("tool")

    assert names(found.wheels) == ["dependency"]
    assert names(found.sdists[0].requires) == ["setuptools"]


def test_a_dependency_may_be_an_sdist_as_well(index: Index) -> None:
    metadata = STATIC.replace("dependency>=1", "tool")
    other = {**TOOL, "PKG-INFO": metadata.replace("Name: tool", "Name: other")}
    index.offer("other", *sdist("other", other))
    index.offer_tool(TOOL)

    found = index.resolve("other")

    assert [item.name for item in found.sdists] == ["other", "tool"]
    assert names(found.wheels) == ["dependency"]


def test_a_project_with_wheels_is_not_looked_into(index: Index, host: FileServer) -> None:
    found = index.resolve("dependency")

    assert (names(found.wheels), found.sdists) == (["dependency"], ())
    assert not any("tool" in request.path for request in host.requests)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            {"pyproject.toml": PYPROJECT.replace("[]", '["no-such-thing"]', 1)},
            "what tool-1.0.tar.gz needs to be built has no wheels",
            id="build requirement without a wheel",
        ),
        pytest.param(
            {"backend.py": "raise SystemExit('not today')"},
            "does not say what it needs",
            id="backend that fails",
        ),
        pytest.param(
            {"pyproject.toml": "[build-system"}, "pyproject.toml of tool-1.0.tar.gz", id="broken"
        ),
    ],
)
def test_what_cannot_be_understood_is_refused(
    index: Index, change: dict[str, str], said: str
) -> None:
    index.offer_tool({**TOOL, **change})

    with pytest.raises(UserError) as refused:
        index.resolve("tool")

    assert said in refused.value.message
    assert "build.sources" in str(refused.value.hint)


def test_a_backend_sees_no_network(index: Index, host: FileServer) -> None:
    address = host.url("/called")
    caller = f"import urllib.request\nurllib.request.urlopen({address!r}, timeout=5)\n"
    index.offer_tool({**TOOL, "backend.py": caller})

    with pytest.raises(UserError, match="does not say what it needs"):
        index.resolve("tool")

    assert not any(request.path == "/called" for request in host.requests)


def test_a_requirement_that_is_nowhere_is_refused(index: Index) -> None:
    with pytest.raises(UserError, match="pip cannot resolve nothing-like-it") as refused:
        index.resolve("nothing-like-it")

    assert "or an sdist" in str(refused.value.hint)
