# SPDX-License-Identifier: BSD-3-Clause
"""Further signatures of a statement by holders of X.509 certificates, beside it and never in the image.

    NAME.sif.statement.json.SHA256.dsse.json

A DSSE envelope (https://github.com/secure-systems-lab/dsse) whose payload is the statement, byte for byte;
its signature names the certificate by its sha256 and carries the chain, in PEM, as `certificate`. Like
another PGP signature (`trust.signing.cosignatures`), one that is not good speaks for nobody.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from core.canonical import readable_json
from core.errors import Refused, UserError
from trust.evidence import SignerFacts
from trust.policy.authorities import Authority, identity_of
from trust.signing import dsse, x509_chain
from trust.signing.dsse import Bare
from trust.signing.statements import statement_file

log = logging.getLogger(__name__)

_NAME = re.compile(r"\.[0-9a-f]{40}\.dsse\.json\Z")
_MAX_BYTES = 32 << 20
_MAX_FILES = 20


def seal(statement: bytes, *, chain: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the envelope of a statement.

    Args:
        statement: its bytes.
        chain: PEM: the signer's certificate, then those up to the authority's.
        sign: returns the signature of some bytes by that certificate's key.
    """
    _, sha256 = x509_chain.subject_of(chain)
    envelope = dsse.bare(statement, keyid=sha256, sign=sign)
    envelope["signatures"][0]["certificate"] = chain.decode("ascii")
    return readable_json(envelope).encode()


def file_name(image: Path, *, chain: bytes) -> str:
    """Return the name of the file with a certificate's signature of the statement about an image."""
    _, sha256 = x509_chain.subject_of(chain)
    return f"{statement_file(image).name}.{sha256[:40]}.dsse.json"


def cosigners(
    image: Path, *, authorities: Sequence[Authority], at: datetime
) -> tuple[SignerFacts, ...]:
    """Return the holders of certificates whose good signatures lie beside an image's statement."""
    if not authorities:
        return ()
    content = statement_file(image).read_bytes()
    found = {
        facts.fingerprint: facts
        for file in files_beside(image)
        for facts in _good(file, content, authorities=authorities, at=at)
    }
    return tuple(found[each] for each in sorted(found))


def files_beside(image: Path) -> list[Path]:
    """Return the files that have the name of such a signature, good or not."""
    beside = statement_file(image).parent.glob(f"{statement_file(image).name}.*.dsse.json")
    return sorted(file for file in beside if _NAME.search(file.name))[:_MAX_FILES]


def _good(
    file: Path, content: bytes, *, authorities: Sequence[Authority], at: datetime
) -> Iterator[SignerFacts]:
    """Yield who made the signature in a file, if it is good."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(_MAX_BYTES)
        yield read(raw, content, authorities=authorities, at=at, what=file.name)
    except (OSError, UserError) as err:
        log.warning("%s does not count: %s", file.name, err)


def read(
    envelope: bytes, statement: bytes, *, authorities: Sequence[Authority], at: datetime, what: str
) -> SignerFacts:
    """Return whose certificate has signed a statement in an envelope.

    Args:
        envelope: the envelope.
        statement: what it must hold.
        authorities: the first that the chain leads to is the signer's.
        at: the moment of which it is asked.
        what: names the envelope in messages.

    Raises:
        Refused: it is no such envelope, or no chain of it holds; it says why for each authority.
    """
    opened = dsse.open_bare(envelope, what=what)
    if opened.payload != statement:
        raise Refused(f"{what} is about another statement")
    chain = _chain(envelope, what)
    reasons = []
    for authority in authorities:
        try:
            return _facts(opened, chain, authority, at, what)
        except Refused as err:
            reasons.append(f"{authority.name}: {err}")
    raise Refused(f"{what}: {'; '.join(reasons) or 'the policy lists no authority'}")


def _facts(
    opened: Bare, chain: bytes, authority: Authority, at: datetime, what: str
) -> SignerFacts:
    certified = x509_chain.check(
        chain,
        roots=authority.certificates.read_bytes(),
        revocations=authority.revocations.read_bytes(),
        signed=opened.signed,
        signature=opened.signature,
        at=at,
    )
    if certified.sha256 != opened.keyid:
        raise Refused(f"{what} names another certificate than the one that signed it")
    return SignerFacts(
        fingerprint=identity_of(authority.name, certified.subject),
        name=certified.subject,
        created=certified.begins,
        expires=certified.ends,
        revoked=certified.revoked,
    )


def _chain(envelope: bytes, what: str) -> bytes:
    try:
        return str(json.loads(envelope)["signatures"][0]["certificate"]).encode("ascii")
    except (ValueError, KeyError, TypeError, IndexError) as err:
        raise Refused(f"{what} carries no certificate") from err
