# SPDX-License-Identifier: BSD-3-Clause
"""Inputs that builds unpack: Node packages in npm's layout, and sources that are hashed once more."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from builder.inputs.cache import InputCache
from builder.inputs.lock import NodePackage
from tests.builder.conftest import Builds
from tests.packages import tarball

pytestmark = pytest.mark.needs("apptainer", "mmdebstrap", "mksquashfs")


def kept(builds: Builds, content: bytes) -> str:
    """Put an input into the cache and return its sha256."""
    cache = InputCache(builds.state.inputs)
    sha256 = hashlib.sha256(content).hexdigest()
    cache.part(sha256).parent.mkdir(parents=True, exist_ok=True)
    cache.part(sha256).write_bytes(content)
    cache.take(cache.part(sha256), sha256, name="input")
    return sha256


def node_package(builds: Builds, name: str, folder: str, files: dict[str, str]) -> NodePackage:
    sha256 = kept(builds, tarball(files, top="package"))
    commands = (("plot", "bin/plot"),) if "bin/plot" in files else ()
    return NodePackage(
        name, "1.0", f"{name}/-/{name}-1.0.tgz", folder, "sha512-x", sha256, commands
    )


def test_node_packages_lie_as_npm_would_lay_them_the_same_each_time(
    builds: Builds, tmp_path: Path
) -> None:
    program = "#!/bin/sh\ncat /opt/npm/node_modules/plot/node_modules/deep/index.js\n"
    script = '{"scripts": {"postinstall": "touch /opt/npm/was-run"}}'
    plot = {"bin/plot": program, "package.json": script}
    node = (
        node_package(builds, "plot", "node_modules/plot", plot),
        node_package(builds, "deep", "node_modules/plot/node_modules/deep", {"index.js": "deep\n"}),
    )
    plan = builds.plan(
        name="node", node=node, environment=(("PATH", "/opt/npm/bin:/usr/bin:/bin"),)
    )

    first = builds.build(plan)
    again = builds.build(plan, builds.beside(tmp_path / "beside"))
    done = builds.run(first.image.path, "plot; ls /opt/npm")

    assert done.stdout == "deep\nbin\nnode_modules\n"
    assert first.image.sha256 == again.image.sha256
