# SPDX-License-Identifier: BSD-3-Clause
"""A `cvmfs_server` that needs no root: the options, refusals, statuses and states of the genuine one.

It is run as a program: `python cvmfs_server.py STATE COMMAND …`. Below STATE are, for each repository,
`repositories/<fqrn>/` (the storage), `keys/`, `mounts/<fqrn>/` (what the mount shows), `spool/<fqrn>/`
(`in_transaction`), and `conf/<fqrn>.json`: who owns it, its gateway, what goes wrong. `clock` is the time in
seconds since 1970, and `log` has a line for every call. A revision is made by our native writer, so that
reader and check may judge it.

The sentences and statuses are those of the public sources: cvmfs_publish's cmd_transaction.cc and
cmd_abort.cc, cvmfs_server_publish.sh, cvmfs_server_ingest.sh.
"""

from __future__ import annotations

import argparse
import errno
import getpass
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from cvmfs.format.history import tags_of
from cvmfs.format.keys import load_keys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, open_repository


def die(sentence: str, status: int = 1) -> NoReturn:
    """End as the genuine program does."""
    print(sentence, file=sys.stderr)  # noqa: T201 - it is a program
    sys.exit(status)


def copy(source: Path, target: Path) -> None:
    """Make a folder what another one is, links and special files included."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "--archive", str(source), str(target)], check=True)


@dataclass(frozen=True, slots=True)
class Server:
    """What this machine has of one repository."""

    state: Path
    fqrn: str

    @property
    def repository(self) -> Repository:
        return open_repository(self.state / "repositories" / self.fqrn, self.fqrn)

    @property
    def mount(self) -> Path:
        return self.state / "mounts" / self.fqrn

    @property
    def in_transaction(self) -> Path:
        return self.state / "spool" / self.fqrn / "in_transaction"

    @property
    def conf(self) -> dict[str, str]:
        file = self.state / "conf" / f"{self.fqrn}.json"
        if not file.exists():
            die("CernVM-FS error: Unable to find the configuration file `server.conf`")
        found: dict[str, str] = json.loads(file.read_text())
        return found

    def check_owner(self) -> None:
        owner = self.conf.get("owner", getpass.getuser())
        if owner != getpass.getuser():
            die(f"Permission denied: Repository {self.fqrn} is owned by {owner}")

    def check_cwd(self) -> None:
        if Path.cwd().is_relative_to(self.mount):
            die(
                f"Current working directory is in {self.mount}.  Please release, e.g. by 'cd $HOME'."
            )

    def open(self, lease: str) -> None:
        if self.in_transaction.exists():
            die("CernVM-FS transaction error: another transaction is already open", errno.EEXIST)
        if self.conf.get("leased") is not None:
            die("CernVM-FS transaction error: lease path busy", errno.EBUSY)
        if self.conf.get("whitelist") == "expired":
            die(f"Repository whitelist for {self.fqrn} is expired", errno.EINVAL)
        self.in_transaction.parent.mkdir(parents=True, exist_ok=True)
        self.in_transaction.write_text(lease)

    def close(self) -> None:
        """Show what is published, and only that."""
        copy(self.state / "shown" / self.fqrn, self.mount)
        self.in_transaction.unlink()

    def make_revision(self, tag: str, message: str) -> None:
        """Publish what the mount shows."""
        if self.conf.get("breaks") == "sync":
            die("Synchronization failed\n\nExecuted Command:\ncvmfs_swissknife sync …")
        repository = self.repository
        if any(known.name == tag for known in tags_of(repository)):
            die(f"Tag name '{tag}' is already in use.")
        at = datetime.fromtimestamp(int((self.state / "clock").read_text()), UTC)
        keys = load_keys(self.state / "keys", self.fqrn)
        with transaction(repository, keys, at=at, message=f"{tag} {message}") as tx:
            tx.put_tree(self.mount, "")
        copy(self.mount, self.state / "shown" / self.fqrn)


def run_transaction(server: Server, options: argparse.Namespace, lease: str) -> None:
    server.check_owner()
    server.open(lease)


def run_publish(server: Server, options: argparse.Namespace, lease: str) -> None:
    server.check_owner()
    if " " in (options.tag or ""):
        die("Spaces are not allowed in tag names")
    if set(options.message or "") & set(" \t;&|$`\"'<>()"):
        die("cvmfs_swissknife: the shell takes the tag description apart")
    if not server.in_transaction.exists():
        die(f"Repository {server.fqrn} is not in a transaction")
    server.check_cwd()
    server.make_revision(options.tag or "generic", options.message or "")
    server.close()


def run_abort(server: Server, options: argparse.Namespace, lease: str) -> None:
    server.check_owner()
    server.check_cwd()
    if not options.force:
        die("You are about to DISCARD ALL CHANGES OF THE CURRENT TRANSACTION", errno.EINTR)
    if not server.in_transaction.exists():
        die("not in a transaction", errno.EINVAL)
    server.close()


def run_ingest(server: Server, options: argparse.Namespace, lease: str) -> None:
    server.check_owner()
    if not options.tar_file or not options.base_dir:
        die("Please provide the tarball to extract, use -t $TARBALL_PATH")
    server.open("")
    for path in options.delete:
        shutil.rmtree(server.mount / path)
    target = server.mount / options.base_dir
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(options.tar_file) as tar:
        tar.extractall(scratch)
        shutil.copytree(scratch, target, symlinks=True, dirs_exist_ok=True)
    if options.catalog:
        (target / ".cvmfscatalog").touch()
    try:
        server.make_revision("generic", "ingest")
    finally:
        server.close()


COMMANDS = {
    "transaction": run_transaction,
    "publish": run_publish,
    "abort": run_abort,
    "ingest": run_ingest,
}


def parser() -> argparse.ArgumentParser:
    """Return what the genuine commands take, as far as they are used."""
    result = argparse.ArgumentParser(prog="cvmfs_server")
    commands = result.add_subparsers(dest="command", required=True)
    opening = commands.add_parser("transaction")
    opening.add_argument("-t", "--retry-timeout", type=int)
    publishing = commands.add_parser("publish")
    publishing.add_argument("-a", dest="tag")
    publishing.add_argument("-m", dest="message")
    aborting = commands.add_parser("abort")
    aborting.add_argument("-f", dest="force", action="store_true")
    ingesting = commands.add_parser("ingest")
    ingesting.add_argument("-t", "--tar_file")
    ingesting.add_argument("-b", "--base_dir")
    ingesting.add_argument("-d", "--delete", action="append", default=[])
    ingesting.add_argument("-c", "--catalog", action="store_true")
    for command in (opening, publishing, aborting, ingesting):
        command.add_argument("name")
    return result


def main(arguments: list[str]) -> None:
    """Run one command."""
    state = Path(arguments[0])
    with (state / "log").open("a") as log:
        log.write(" ".join(arguments[1:]) + "\n")
    options = parser().parse_args(arguments[1:])
    fqrn, _, lease = options.name.partition("/")
    COMMANDS[options.command](Server(state, fqrn), options, lease)


if __name__ == "__main__":
    main(sys.argv[1:])
