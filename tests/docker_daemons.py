# SPDX-License-Identifier: BSD-3-Clause
"""A real Docker daemon on this machine, with storage of its own and without a network."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core import process


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running daemon, by the address that `DOCKER_HOST` takes."""

    address: str

    def run(self, *argv: str | Path, stdin: bytes = b"") -> str:
        """Run the docker program with this daemon and return what it printed."""
        done = process.run(
            ["docker", "--host", self.address, *argv], reason="ask the Docker daemon", stdin=stdin
        )
        return done.stdout.strip()

    def image_of(self, root: bytes, name: str, *changes: str) -> str:
        """Make an image of one layer, its configuration changed as a Dockerfile would, and return its id."""
        options = [part for change in changes for part in ("--change", change)]
        return self.run("import", *options, "-", name, stdin=root).removeprefix("sha256:")


@contextlib.contextmanager
def docker_daemon() -> Iterator[Daemon]:
    """Run a daemon for the time of the block. It needs root."""
    # a socket's path may have about a hundred characters
    folder = Path(tempfile.mkdtemp(prefix="docker-"))
    address = f"unix://{folder}/docker.sock"
    running = process.start(
        [
            "dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid", "--host", address, "--bridge=none", "--iptables=false",
            "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
        ],
        reason="run a Docker daemon",
    )  # fmt: skip
    try:
        daemon = Daemon(address)
        _wait_for(daemon)
        yield daemon
    finally:
        process.stop(running, patience_s=30)
        # the daemon leaves a network namespace mounted
        process.run(
            ["umount", folder / "exec" / "netns" / "default"], reason="unmount", check=False
        )
        process.run(["rm", "-rf", folder], reason="remove the daemon's folder")


def _wait_for(daemon: Daemon) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        done = process.run(
            ["docker", "--host", daemon.address, "version"],
            reason="ask for the daemon",
            check=False,
        )
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise TimeoutError("the Docker daemon does not answer")
