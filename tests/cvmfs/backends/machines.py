# SPDX-License-Identifier: BSD-3-Clause
"""A machine that publishes with `cvmfs_server`: the program of the tests, and the state it works on."""

from __future__ import annotations

import shlex
import shutil
import sys
from datetime import datetime
from pathlib import Path

from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import AT

PROGRAM = Path(__file__).with_name("cvmfs_server.py")
ROOT = Path(__file__).parents[3]


def put_server(
    folder: Path, state: Path, repository: Repository, keys: RepositoryKeys, *, at: datetime = AT
) -> Path:
    """Move an empty repository to a machine, put the program into a folder, and return its path."""
    fqrn = repository.fqrn
    for name in ("repositories", "keys", "conf", f"shown/{fqrn}", f"mounts/{fqrn}"):
        (state / name).mkdir(parents=True)
    shutil.move(repository.folder, state / "repositories" / fqrn)
    for ending in ("key", "crt", "pub"):
        shutil.copy(keys.public_key.with_suffix(f".{ending}"), state / "keys")
    (state / "conf" / f"{fqrn}.json").write_text("{}")
    (state / "clock").write_text(str(int(at.timestamp())))
    folder.mkdir()
    program = folder / "cvmfs_server"
    command = shlex.join((sys.executable, str(PROGRAM), str(state)))
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {command} "$@"\n')
    program.chmod(0o755)
    return program
