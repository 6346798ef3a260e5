# SPDX-License-Identifier: BSD-3-Clause
"""Node packages: what npm's package lock means, and their archives from a registry on this machine.

npm is a stand-in that writes a package lock as npm does: the real one brings hundreds of packages.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.inputs import npm
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.lock import NodePackage
from builder.inputs.node import lock_node
from core import process
from core.console import Console
from core.errors import UserError
from tests.packages import tarball
from tests.servers import FileServer

QUIET = Console(quiet=True)
ARCHIVE = tarball({"bin/plot.js": "#!/usr/bin/env node\n"}, top="package")
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(ARCHIVE).digest()).decode()
PLOT: dict[str, Any] = {
    "version": "1.2.3",
    "resolved": "https://mirror.example.org/npm/@pan/plot/-/plot-1.2.3.tgz",
    "integrity": INTEGRITY,
    "bin": {"plot": "./bin/plot.js"},
}
DEEP = {"version": "2.0.0", "integrity": f"sha1-old {INTEGRITY}", "bin": {"deep": "deep.js"}}
PACKAGES: dict[str, Any] = {
    "": {"dependencies": {"@pan/plot": "1.2.3"}},
    "node_modules/@pan/plot": PLOT,
    "node_modules/@pan/plot/node_modules/deep": DEEP,
    "node_modules/only-mac": {**DEEP, "optional": True, "os": ["darwin"]},
    "node_modules/not-here": {**DEEP, "optional": True, "cpu": ["!x64"]},
    "node_modules/bundled": {"version": "1.0.0", "inBundle": True},
}
LOCKED = NodePackage(
    name="@pan/plot",
    version="1.2.3",
    tarball="@pan/plot/-/plot-1.2.3.tgz",
    folder="node_modules/@pan/plot",
    integrity=INTEGRITY,
    sha256=hashlib.sha256(ARCHIVE).hexdigest(),
    commands=(("plot", "bin/plot.js"),),
)


def put_npm(folder: Path, packages: dict[str, Any], registry: str = "") -> None:
    """Write an npm that resolves everything to these packages."""
    folder.mkdir(exist_ok=True)
    (folder / "lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    program = folder / "npm"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = config ]; then echo {registry}; exit; fi\n'
        f'echo "$*" > "{folder}/calls"\ncp "{folder}/lock.json" package-lock.json\n'
    )
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is first on PATH, with an npm in it."""
    folder = tmp_path / "programs"
    put_npm(folder, PACKAGES)
    monkeypatch.setenv("PATH", f"{folder}:{process.SYSTEM_PATH}")
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_what_npm_resolves_is_taken_for_this_kind_of_machine(programs: Path) -> None:
    plot, deep = npm.resolve(["@pan/plot@1.2.3"])

    assert (plot.name, plot.tarball, plot.folder) == (LOCKED.name, LOCKED.tarball, LOCKED.folder)
    assert plot.commands == (("plot", "bin/plot.js"),)
    assert (deep.name, deep.tarball) == ("deep", "deep/-/deep-2.0.0.tgz")
    assert deep.integrity == INTEGRITY
    assert deep.commands == ()


def test_no_script_of_a_package_is_run(programs: Path) -> None:
    npm.resolve(["@pan/plot@1.2.3"])

    assert "--ignore-scripts" in (programs / "calls").read_text().split()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"link": True}, "does not come from a registry", id="link"),
        pytest.param({"integrity": None}, "does not come from a registry", id="no hash"),
        pytest.param({"resolved": "https://a.example/x.tgz"}, "keeps the archive", id="elsewhere"),
        pytest.param({"integrity": "md5-abc"}, "is of no kind that is known", id="weak hash"),
    ],
)
def test_what_no_other_registry_would_have_is_refused(
    programs: Path, change: dict[str, Any], said: str
) -> None:
    entry = {key: value for key, value in {**PLOT, **change}.items() if value is not None}
    put_npm(programs, {"node_modules/@pan/plot": entry})

    with pytest.raises(UserError, match=said):
        npm.resolve(["@pan/plot@1.2.3"])


def test_a_machine_without_npm_says_what_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(process, "SYSTEM_PATH", str(tmp_path))

    with pytest.raises(UserError, match="npm is not installed; it is needed to resolve") as absent:
        npm.resolve(["a@1"])

    assert "building needs none" in str(absent.value.hint)


class TestRegistry:
    """A registry on this machine."""

    @pytest.fixture
    def cache(self, programs: Path, host: FileServer, tmp_path: Path) -> InputCache:
        put_npm(programs, {LOCKED.folder: PLOT}, host.url("/npm"))
        host.files[f"/npm/{LOCKED.tarball}"] = ARCHIVE
        return InputCache(tmp_path / "inputs")

    def test_an_archive_gets_a_sha256_of_ours(self, cache: InputCache) -> None:
        assert lock_node(["@pan/plot@1.2.3"], cache, console=QUIET) == (LOCKED,)
        assert cache.is_whole(LOCKED.sha256)

    def test_other_bytes_than_npm_says_are_refused(
        self, cache: InputCache, host: FileServer
    ) -> None:
        host.files[f"/npm/{LOCKED.tarball}"] = b"evil"

        with pytest.raises(UserError, match="is not what npm says"):
            lock_node(["@pan/plot@1.2.3"], cache, console=QUIET)

        assert not any(cache.folder.rglob("*"))

    def test_it_is_fetched_by_its_path_below_the_registry(
        self, cache: InputCache, host: FileServer
    ) -> None:
        fetch([LOCKED], cache, console=QUIET)

        assert cache.has(LOCKED.sha256)

    def test_what_is_gone_is_named(self, cache: InputCache) -> None:
        gone = replace(LOCKED, tarball="gone/-/gone-1.tgz", sha256="0" * 64)

        with pytest.raises(UserError, match=r"gone-1\.tgz is not in any"):
            fetch([gone], cache, console=QUIET)
