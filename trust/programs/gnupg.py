# SPDX-License-Identifier: BSD-3-Clause
"""GnuPG. The only module that knows gpg.

Each call has a home folder of its own that is gone afterwards; only `agent_*` use somebody's home,
whose agent keeps the secret, or asks for it, or for a smart card.

Apptainer signs SIF files and nothing else; detached signatures, keys with an expiry date and keys
with a passphrase are gpg's. A passphrase goes in through standard input, never as an argument. The
home folder lies in memory where there is `/dev/shm`, so no private key is left on a disk by a crash.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core import process
from core.errors import Refused, UserError
from trust.programs import armors

log = logging.getLogger(__name__)

_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it, mode 0700
_PREFIX = "pansoft-gpg-"
_LOCK = "in-use"
_TIMEOUT_S = 120.0
_SIGN_ATTEMPTS = 3
_NEEDED = "apt-get install gnupg"
_LOOPBACK = ("--pinentry-mode", "loopback", "--passphrase-fd", "0")
"""The passphrase is the first line of the standard input."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a public key says of itself."""

    fingerprint: str
    name: str
    created: datetime
    expires: datetime | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class GoodSignature:
    """A signature that fits the bytes, by one of the given keys."""

    fingerprint: str
    made: datetime


def read_key(file: Path) -> PublicKey:
    """Return what the one PGP key in a file says of itself.

    Raises:
        UserError: there is no key in it, or more than one.
    """
    with _home() as home:
        _import(home, [file])
        listed = _gpg(home, "--with-colons", "--list-keys", reason=f"read {file}").stdout
    rows = [line.split(":") for line in listed.splitlines()]
    keys = [row for row in rows if row[0] == "pub"]
    if len(keys) != 1:
        raise UserError(
            f"{file} holds {len(keys) or 'no'} PGP key{'s' if len(keys) > 1 else ''}, one is expected",
            hint="gpg --armor --export FINGERPRINT writes one key",
        )
    key = keys[0]
    return PublicKey(
        fingerprint=next(row[9] for row in rows if row[0] == "fpr"),
        name=next((_unescape(row[9]) for row in rows if row[0] == "uid"), "without a name"),
        created=_time(key[5]),
        expires=_time(key[6]) if key[6] else None,
        revoked=key[1] == "r",
    )


def generate(
    *,
    name: str,
    email: str,
    passphrase: str,
    days: int,
    keyring: tuple[Path, Path],
) -> bytes:
    """Make a key pair with a passphrase and an expiry date; return the certificate that revokes it.

    Args:
        name: its holder.
        email: of the holder.
        passphrase: protects the private half.
        days: until it expires.
        keyring: the two new files for the public and the private half, as Apptainer reads them.
    """
    with _home() as home:
        _gpg(
            home,
            *_LOOPBACK,
            "--quick-generate-key",
            f"{name} <{email}>",
            "rsa4096",
            "sign",
            f"{days}d",
            stdin=passphrase + "\n",
            reason="make a key pair",
        )
        listed = _gpg(home, "--with-colons", "--list-keys", reason="list the new key").stdout
        fingerprint = next(
            line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")
        )
        _export_pair(home, fingerprint, passphrase, keyring)
        return (home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_bytes()


def extend(
    fingerprint: str,
    *,
    days: int,
    passphrase: str,
    keyring: tuple[Path, Path],
    to: tuple[Path, Path],
) -> None:
    """Give a key with a passphrase another expiry date, counted from today.

    Args:
        fingerprint: of the key.
        days: until it expires.
        passphrase: of its private half.
        keyring: the files of the public and the private half.
        to: the two new files.

    Raises:
        UserError: the passphrase is wrong.
    """
    with _home() as home:
        _import(home, keyring)
        done = _gpg(
            home,
            *_LOOPBACK,
            *("--quick-set-expire", fingerprint, f"{days}d"),
            stdin=passphrase + "\n",
            reason="extend a key",
            check=False,
        )
        if done.returncode != 0:
            raise UserError(
                f"the key {fingerprint} could not be extended: {_said(done.stderr)}",
                hint="is it the right passphrase file (--passphrase-file)?",
            )
        _export_pair(home, fingerprint, passphrase, to)


def _export_pair(home: Path, fingerprint: str, passphrase: str, to: tuple[Path, Path]) -> None:
    public, secret = to
    _gpg(home, "--output", public, "--export", fingerprint, reason="export the public key")
    _gpg(
        home,
        *_LOOPBACK,
        *("--output", secret, "--export-secret-keys", fingerprint),
        stdin=passphrase + "\n",
        reason="export the private key",
    )
    public.chmod(0o600)
    secret.chmod(0o600)


def revoked(public_key: bytes, certificate: bytes) -> bytes:
    """Return an armored public key with its revocation in it.

    Args:
        public_key: the key, armored or binary.
        certificate: revokes it; gpg keeps those unusable by a colon before their first line.

    Raises:
        UserError: the certificate revokes another key, or none.
    """
    usable = certificate.replace(b":-----BEGIN", b"-----BEGIN")
    with _home() as home:
        try:
            # as one: to revoke a key that is there already, gpg wants a database of trust
            both = armors.dearmor(public_key) + armors.dearmor(usable)
            _gpg(home, "--import", stdin=both, reason="read a key and its revocation")
        except UserError as err:
            raise UserError("this is no revocation certificate of the key") from err
        exported = _gpg(home, "--armor", "--export", reason="export the key").stdout.encode()
        (home / "revoked.asc").write_bytes(exported)
        if not read_key(home / "revoked.asc").revoked:
            raise UserError("this is no revocation certificate of the key")
    return exported


def sign_detached(
    file: Path, *, secret_keyring: Path, fingerprint: str, passphrase: str | None
) -> bytes:
    """Return an armored detached signature of a file's bytes, which was verified here.

    Verified, because gpg 2.2 was seen to end well with a signature that does not fit: once in some
    four hundred, on a loaded virtual machine. A faulty RSA signature can also give the private key
    away (Boneh, DeMillo, Lipton 1997), so it must not leave this function.

    Raises:
        UserError: the passphrase is wrong or missing, or the key is not there.
    """
    with _home() as home:
        _import(home, [secret_keyring])
        for attempt in range(1, _SIGN_ATTEMPTS + 1):
            signature = _sign(home, file, fingerprint=fingerprint, passphrase=passphrase)
            if _fits(home, file, signature):
                return signature.read_bytes()
            log.warning("gpg made a signature of %s that does not fit, try %d", file.name, attempt)
            signature.unlink()
    raise UserError(
        f"gpg signed {file.name} {_SIGN_ATTEMPTS} times and no signature fits",
        hint="is the machine's memory sound? try another machine",
    )


def _sign(home: Path, file: Path, *, fingerprint: str, passphrase: str | None) -> Path:
    signature = home / "signature.asc"
    done = _gpg(
        home,
        "--pinentry-mode",
        "loopback",
        "--passphrase-fd",
        "0",
        "--local-user",
        f"{fingerprint}!",
        "--digest-algo",
        "SHA256",
        "--armor",
        "--output",
        signature,
        "--detach-sign",
        file.absolute(),
        stdin=(passphrase or "") + "\n",
        reason=f"sign {file.name}",
        check=False,
    )
    if done.returncode != 0:
        raise UserError(
            f"the key {fingerprint} could not sign: {_said(done.stderr)}",
            hint="is it the right passphrase file (--passphrase-file), has the key expired?",
        )
    return signature


def agent_key(home: Path, fingerprint: str) -> bytes:
    """Return the armored public key that a home's agent has the secret of.

    Raises:
        UserError: others can look into the home, or the key or its secret is not there.
    """
    _check_home(home)
    listed = _gpg(
        home,
        *("--with-colons", "--list-secret-keys", fingerprint),
        reason=f"look for the key {fingerprint}",
        env=_environment_of_agent(home),
        check=False,
    )
    if not any(row.startswith("sec:") for row in listed.stdout.splitlines()):
        raise UserError(
            f"the gpg home {home} has no secret key {fingerprint}",
            hint=f"gpg --homedir '{home}' --list-secret-keys shows what it has; "
            "a smart card is known after gpg --card-status",
        )
    exported = ("--armor", "--export-options", "export-minimal", "--export", f"{fingerprint}!")
    return _gpg(
        home,
        *exported,
        reason=f"export the public key {fingerprint}",
        env=_environment_of_agent(home),
    ).stdout.encode()


def agent_sign(
    content: bytes, *, home: Path, fingerprint: str, passphrase: str | None, cleartext: bool
) -> bytes:
    """Return an armored signature by a key whose secret a home's agent has.

    Args:
        content: what is signed.
        home: the agent's home, `~/.gnupg` for instance.
        fingerprint: of the key.
        passphrase: of the key or the PIN of its card; None lets the agent ask.
        cleartext: whether the text is part of the result, as `gpg --clearsign` does.

    Raises:
        UserError: the agent has no such secret, was not given the passphrase, or does not answer.
    """
    _check_home(home)
    with tempfile.TemporaryDirectory(prefix="pansoft-sign-") as folder:
        file = Path(folder) / "content"
        file.write_bytes(content)
        signature = Path(folder) / "signature.asc"
        done = _gpg(
            home,
            *(_LOOPBACK if passphrase is not None else ()),
            *("--local-user", f"{fingerprint}!", "--digest-algo", "SHA256", "--armor"),
            *("--output", signature, "--clearsign" if cleartext else "--detach-sign", file),
            stdin="" if passphrase is None else passphrase + "\n",
            reason=f"have the agent of {home} sign",
            env=_environment_of_agent(home),
            check=False,
        )
        if done.returncode == 0:
            return signature.read_bytes()
    raise UserError(
        f"the agent of {home} did not sign with the key {fingerprint}: {_said(done.stderr)}",
        hint="is the agent running and the card in? "
        f"try: gpg --homedir '{home}' --local-user {fingerprint} --clearsign",
    )


def agent_extend(home: Path, fingerprint: str, *, days: int, passphrase: str | None) -> None:
    """Give a key in somebody's home another expiry date, counted from today; see `agent_sign`."""
    _check_home(home)
    done = _gpg(
        home,
        *(_LOOPBACK if passphrase is not None else ()),
        *("--quick-set-expire", fingerprint, f"{days}d"),
        stdin="" if passphrase is None else passphrase + "\n",
        reason="extend a key",
        env=_environment_of_agent(home),
        check=False,
    )
    if done.returncode != 0:
        raise UserError(
            f"the agent of {home} did not extend the key {fingerprint}: {_said(done.stderr)}",
            hint="is the agent running and the card in?",
        )


def verify_cleartext(text: bytes, *, public_keys: Sequence[Path], what: str) -> GoodSignature:
    """Return who made the signature around a text; see `verify_detached`."""
    with _home() as home:
        _import(home, public_keys)
        (home / "signature").write_bytes(text)
        return _verified(home, [home / "signature"], what=what)


def _check_home(home: Path) -> None:
    try:
        mode = home.stat().st_mode
    except OSError as err:
        raise UserError(f"there is no gpg home {home}", hint="it is ~/.gnupg as a rule") from err
    if mode & 0o077:
        raise UserError(
            f"the gpg home {home} can be read by others (mode {mode & 0o777:o})",
            hint=f"chmod go= '{home}'",
        )


def _fits(home: Path, file: Path, signature: Path) -> bool:
    done = _gpg(
        home,
        "--status-fd",
        "1",
        "--verify",
        signature,
        file.absolute(),
        reason=f"verify the new signature of {file.name}",
        check=False,
    )
    return "[GNUPG:] GOODSIG" in done.stdout


def verify_detached(
    content: bytes, signature: bytes, *, public_keys: Sequence[Path], what: str
) -> GoodSignature:
    """Return who made a detached signature, if it fits the bytes and the key is one of those given.

    Args:
        content: the bytes that were signed.
        signature: the armored signature.
        public_keys: files with public keys; no others are known.
        what: names the content in messages.

    Raises:
        Refused: altered, by an unknown key, or by a key that is expired or revoked.
    """
    with _home() as home:
        _import(home, public_keys)
        (home / "content").write_bytes(content)
        (home / "signature").write_bytes(signature)
        return _verified(home, [home / "signature", home / "content"], what=what)


def _verified(home: Path, files: Sequence[Path], *, what: str) -> GoodSignature:
    """Return what gpg says of a signature, in the words of this project where it says no."""
    done = _gpg(
        home,
        *("--status-fd", "1", "--verify"),
        *files,
        reason=f"verify {what}",
        check=False,
    )
    said = {
        line.split()[1]: line.split()[2:]
        for line in done.stdout.splitlines()
        if line.startswith("[GNUPG:] ") and len(line.split()) > 1
    }
    count = sum(line.startswith("[GNUPG:] NEWSIG") for line in done.stdout.splitlines())
    if "BADSIG" in said:
        raise Refused(f"{what} was altered: its signature does not fit it")
    if "REVKEYSIG" in said:
        raise Refused(f"{what} is signed by the revoked key {said['REVKEYSIG'][0]}")
    if "EXPKEYSIG" in said:
        raise Refused(f"{what} is signed by the expired key {said['EXPKEYSIG'][0]}")
    if "ERRSIG" in said or "NO_PUBKEY" in said:
        unknown = said.get("NO_PUBKEY") or said["ERRSIG"]
        raise Refused(
            f"{what} is signed by the key {unknown[0]}, which the policy does not list",
            hint="is this the right policy? pansoft trust status shows whose signatures count",
        )
    if done.returncode != 0 or count != 1 or "GOODSIG" not in said or "VALIDSIG" not in said:
        raise Refused(f"the signature of {what} was altered: it is not one whole PGP signature")
    valid = said["VALIDSIG"]
    return GoodSignature(fingerprint=valid[-1], made=_time(valid[2]))


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """Give a private home folder with a short name: the agent's socket must fit into 107 bytes.

    It is locked while it is in use, so the next call can tell and remove what a killed one left.
    """
    where = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    _sweep(where)
    fresh = Path(tempfile.mkdtemp(prefix=".pansoft-", dir=where))
    home = where / f"{_PREFIX}{fresh.name.rpartition('-')[2]}"
    try:
        with (fresh / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fresh.rename(home)  # locked before it has the name that others look for
            yield home
    finally:
        _remove(home)


def _sweep(where: Path) -> None:
    for home in where.glob(f"{_PREFIX}*"):
        try:
            if home.lstat().st_uid != os.geteuid():
                continue
            with (home / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(home)
        except OSError:  # in use, just made, or gone already
            continue


def _remove(home: Path) -> None:
    if (home / "S.gpg-agent").exists():
        process.run(
            ["gpgconf", "--homedir", home, "--kill", "all"],
            reason="stop gpg's agent",
            env=_environment(home),
            timeout_s=_TIMEOUT_S,
            check=False,
        )
    shutil.rmtree(home, ignore_errors=True)


def _import(home: Path, files: Sequence[Path]) -> None:
    for file in files:
        try:
            data = armors.dearmor(file.read_bytes())
        except OSError as err:
            raise UserError(f"{file} cannot be read: {err.strerror}") from err
        except UserError as err:
            raise UserError(f"{file} holds no PGP key") from err
        _gpg(home, "--import", stdin=data, reason=f"read the key {file}")


def _gpg(
    home: Path,
    *arguments: str | Path,
    reason: str,
    stdin: str | bytes = b"",
    env: dict[str, str] | None = None,
    check: bool = True,
) -> process.Completed:
    gpg = process.find("gpg", reason=reason, hint=_NEEDED)
    fixed = ("--batch", "--no-tty", "--no-options", "--trust-model", "always")
    return process.run(
        [gpg, "--homedir", home, *fixed, *arguments],
        reason=reason,
        env=env or _environment(home),
        stdin=stdin,
        timeout_s=_TIMEOUT_S,
        check=check,
        hint=f"is gpg complete? {_NEEDED}",
    )


def _environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join((os.environ.get("PATH", ""), process.SYSTEM_PATH))
    return {"PATH": path, "HOME": str(home), "LC_ALL": "C.UTF-8"}


def _environment_of_agent(home: Path) -> dict[str, str]:
    """Return the environment in which an agent finds its socket, and its pinentry a screen."""
    names = ("HOME", "XDG_RUNTIME_DIR", "GPG_TTY", "TERM", "DISPLAY", "WAYLAND_DISPLAY")
    more = ("XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS")
    kept = {name: os.environ[name] for name in (*names, *more) if name in os.environ}
    return _environment(home) | kept


def _time(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _unescape(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def _said(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if "failed" in line or "error" in line]
    return (lines or stderr.splitlines() or ["gpg says nothing"])[-1].strip()
