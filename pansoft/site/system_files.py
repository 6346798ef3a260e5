# SPDX-License-Identifier: BSD-3-Clause
"""The files of the system that a site needs: those of the CVMFS client, and Apptainer's two.

    etc/cvmfs/keys/<domain>/<fqrn>.pub    the repository's public key
    etc/cvmfs/config.d/<fqrn>.conf        where it is, and that key
    etc/apptainer/ecl.toml                the Execution Control List
    etc/apptainer/global-pgp-public       the keys that it knows

The last two are where this machine's Apptainer looks for them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import UserError
from core.process import which
from pansoft.site.settings import SiteSettings
from pansoft.site.writing import Care, Wanted, read
from trust.policy import Signer
from trust.programs import apptainer, armors, execution_list, gnupg, key_ring

APPTAINER = Path("/etc/apptainer")


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A signer's public key in binary form, and whether images that it has signed may run."""

    name: str
    fingerprint: str
    content: bytes
    counts: bool


def configuration_folder() -> Path:
    """Return where Apptainer looks for its configuration; the usual place where there is none."""
    return APPTAINER if which("apptainer") is None else apptainer.configuration_folder()


def keys_of(signers: Sequence[Signer], *, at: datetime) -> tuple[SignerKey, ...]:
    """Return the keys of the policy's signers: of a disabled, expired or revoked one nothing is run."""
    return tuple(_key_of(signer, at) for signer in signers)


def wanted(
    settings: SiteSettings, public_key: bytes, keys: Sequence[SignerKey]
) -> tuple[Wanted, ...]:
    """Return the files as they should be.

    Raises:
        Refused: the Execution Control List is to be switched on and no key counts.
        UserError: the key ring that is there cannot be read.
    """
    prefix = Path(settings.prefix)
    key_file = Path("etc/cvmfs/keys", _domain(settings.fqrn), f"{settings.fqrn}.pub")
    return (
        Wanted(prefix / key_file, public_key),
        Wanted(
            prefix / "etc/cvmfs/config.d" / f"{settings.fqrn}.conf",
            _client_configuration(settings, Path("/") / key_file).encode(),
        ),
        _execution_list(prefix, settings, keys),
        _key_ring(prefix, settings, keys),
    )


def below(prefix: Path, path: str) -> Path:
    """Return where a path of the system is below a prefix."""
    return prefix / path.lstrip("/")


def _key_of(signer: Signer, at: datetime) -> SignerKey:
    key = gnupg.read_key(signer.key_file)
    if key.fingerprint != signer.fingerprint:
        raise UserError(
            f"{signer.key_file} is not the key {signer.fingerprint} that the policy names",
            hint="the policy and its keys do not belong together: tell whoever publishes them",
        )
    is_good = not key.revoked and (key.expires is None or key.expires > at)
    return SignerKey(
        name=signer.name,
        fingerprint=signer.fingerprint,
        content=armors.dearmor(signer.ring_file.read_bytes()),
        counts=is_good and signer.signs_new(at),
    )


def _domain(fqrn: str) -> str:
    return fqrn.partition(".")[2] or fqrn


def _client_configuration(settings: SiteSettings, key_file: Path) -> str:
    """Return the client's file; a value in quotes that a shell reads as it stands."""
    source = settings.repository
    url = source if "://" in source else f"file://{Path(source).absolute()}"
    lines = [
        f"# Written by 'pansoft site setup'. Your own settings: {settings.fqrn}.local beside it.",
        f"CVMFS_SERVER_URL={_quoted(url)}",
        f"CVMFS_PUBLIC_KEY={_quoted(str(key_file))}",
    ]
    if settings.proxies is not None:
        lines.append(f"CVMFS_HTTP_PROXY={_quoted(settings.proxies)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    if "'" in text or "\n" in text:
        raise UserError(f"{text!r} cannot stand in the configuration of a CVMFS client")
    return f"'{text}'"


def _execution_list(prefix: Path, settings: SiteSettings, keys: Sequence[SignerKey]) -> Wanted:
    path = below(prefix, settings.configuration) / execution_list.FILE_NAME
    text = execution_list.text(
        [key.fingerprint for key in keys if key.counts],
        mode=settings.execution_list,
        may_close=bool(settings.fingerprints),
    )
    return Wanted(path, text.encode(), disposable=_says_nothing(read(path)))


def _says_nothing(content: bytes | None) -> bool:
    """Return whether a list is the one that Apptainer comes with: switched off, without a group."""
    try:
        return content is not None and tomllib.loads(content.decode()) == {"activated": False}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def _key_ring(prefix: Path, settings: SiteSettings, keys: Sequence[SignerKey]) -> Wanted:
    path = below(prefix, settings.configuration) / key_ring.FILE_NAME
    try:
        ring = key_ring.merged(
            read(path) or b"", ours=[key.content for key in keys], gone=settings.fingerprints
        )
    except UserError as err:
        raise UserError(f"{path}: {err.message}", hint="move the file away and try again") from err
    return Wanted(path, ring, Care.SHARED)
