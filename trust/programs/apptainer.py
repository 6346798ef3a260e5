# SPDX-License-Identifier: BSD-3-Clause
"""Genuine Apptainer's keys and signatures, without the user's home. The only module here that knows it.

Apptainer reads its PGP keys from the folder that APPTAINER_KEYSDIR names: `pgp-public` and
`pgp-secret`, each a row of binary OpenPGP keys. HOME and the configuration folder are an empty
folder of ours, so nothing that a user or root has set up has a say.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import process
from core.errors import UserError

PUBLIC_RING = "pgp-public"
SECRET_RING = "pgp-secret"  # noqa: S105  # the name of a file
_TIMEOUT_S = 1800.0
_NEEDED = "run 'pansoft doctor'; it says how to install Apptainer"


@dataclass(frozen=True, slots=True)
class Signed:
    """One object as `apptainer verify` saw it; the fingerprint in capitals."""

    fingerprint: str
    key_known: bool
    data_good: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What `apptainer verify` answered; `said` is its own sentence when it says no."""

    good: bool
    objects: tuple[Signed, ...]
    said: str


def new_pair(folder: Path, *, name: str, email: str, comment: str, bits: int) -> None:
    """Make a key pair without a passphrase in a keys folder.

    A passphrase would have to be an argument, which every user of the machine can read.
    """
    _run(
        [
            *("key", "newpair", "--name", name, "--email", email, "--comment", comment),
            *("--password", "", "--push=false", "--bit-length", str(bits)),
        ],
        keys=folder,
        reason="make a key pair",
    )


def secret_fingerprints(folder: Path) -> tuple[str, ...]:
    """Return the fingerprints of the private keys in a folder, in the order of their index."""
    done = _run(["key", "list", "--secret"], keys=folder, reason="list the private keys")
    return tuple(re.findall(r"^\s+Fingerprint:\s+([0-9A-F]{40})\s*$", done.stdout, re.MULTILINE))


def sign(path: Path, *, keys: Path, index: int, passphrase: str | None) -> None:
    """Add a signature over all objects to a SIF file, in place."""
    _run(
        ["sign", "--keyidx", str(index), path.absolute()],
        keys=keys,
        stdin=(passphrase + "\n") if passphrase else "",
        reason=f"sign {path.name}",
        hint="is it the right passphrase file (--passphrase-file)?",
    )


def verify(path: Path, *, public_keys: Sequence[bytes]) -> Answer:
    """Ask Apptainer about every object of a SIF file, with these binary public keys and no others."""
    with tempfile.TemporaryDirectory(prefix="pansoft-keys-") as name:
        folder = Path(name)
        ring = folder / PUBLIC_RING
        ring.write_bytes(b"".join(public_keys))
        ring.chmod(0o600)
        done = _run(
            ["verify", "--local", "--json", path.absolute()],
            keys=folder,
            reason=f"verify {path}",
            check=False,
        )
    fatal = [line.partition("FATAL:")[2].strip() for line in done.stderr.splitlines()]
    said = next((line for line in fatal if line), "")
    return Answer(done.returncode == 0, _objects(done.stdout), said.partition(": ")[2] or said)


def _objects(text: str) -> tuple[Signed, ...]:
    try:
        rows = json.loads(text)["SignerKeys"] or []
        return tuple(
            Signed(
                fingerprint=str(row["Signer"]["Fingerprint"]).upper(),
                key_known=row["Signer"]["KeyCheck"] is True and row["Signer"]["KeyLocal"] is True,
                data_good=row["Signer"]["DataCheck"] is True,
            )
            for row in rows
        )
    except (ValueError, KeyError, TypeError):
        return ()


def _run(
    arguments: Sequence[str | Path],
    *,
    keys: Path,
    reason: str,
    stdin: str = "",
    check: bool = True,
    hint: str | None = None,
) -> process.Completed:
    program = process.find("apptainer", reason=reason, hint=_NEEDED)
    with tempfile.TemporaryDirectory(prefix="pansoft-home-") as home:
        path = os.pathsep.join((os.environ.get("PATH", ""), process.SYSTEM_PATH))
        return process.run(
            [program, *arguments],
            reason=reason,
            stdin=stdin,
            timeout_s=_TIMEOUT_S,
            check=check,
            hint=hint,
            env={
                "PATH": path,
                "HOME": home,
                "LC_ALL": "C.UTF-8",
                "APPTAINER_CONFIGDIR": home,
                "APPTAINER_KEYSDIR": str(keys.absolute()),
            },
        )


def configuration_folder() -> Path:
    """Return the folder of the machine's own configuration, wherever this Apptainer has it.

    The Execution Control List (`ecl.toml`) and the global key ring (`global-pgp-public`) are in it.
    """
    return Path(_built_with("APPTAINER_CONFDIR"))


def is_setuid() -> bool:
    """Return whether this Apptainer starts containers by a program of root's."""
    return _built_with("APPTAINER_SUID_INSTALL") == "1"


def _built_with(name: str) -> str:
    program = process.find("apptainer", reason="find its configuration", hint=_NEEDED)
    done = process.run([program, "buildcfg"], reason="ask Apptainer how it was built")
    found = re.search(rf"^{name}=(.+)$", done.stdout, re.MULTILINE)
    if found is None:
        raise UserError(f"Apptainer does not say its {name}", hint=_NEEDED)
    return found[1]


def check_folder(folder: Path) -> None:
    """Refuse a keys folder that others can look into: Apptainer would only warn.

    Raises:
        UserError: the folder or its private keyring is open to others, or not there.
    """
    for path in (folder, folder / SECRET_RING):
        try:
            mode = path.stat().st_mode
        except OSError as err:
            raise UserError(
                f"there is no private key in {folder}", hint="make one: pansoft trust keygen"
            ) from err
        if mode & 0o077:
            raise UserError(
                f"{path} can be read by others (mode {mode & 0o777:o})", hint=f"chmod go= '{path}'"
            )
