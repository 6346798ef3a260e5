# SPDX-License-Identifier: BSD-3-Clause
"""A federation founded in memory, and its keys, for tests of what follows."""

from __future__ import annotations

from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key

from tests.federations import NOW, signer
from trust.federation import ceremony, charter, documents
from trust.federation.charter import Charter
from trust.federation.documents import Agreed, Proposal
from trust.federation.rules import charter_of

SEATS = {name: signer(name) for name in ("DESY", "ESRF", "ILL")}
ONLINE = signer("online")
ESRF_LIST = signer("ESRF")


def key(holder: str) -> Key:
    """Return the public key of a seat."""
    return SEATS[holder].public_key


def first_charter(threshold: int = 2) -> Charter:
    """Return a charter of three seats."""
    keys = {name: key(name) for name in SEATS}
    return charter.found(
        seats=keys, core=keys, online=ONLINE.public_key, threshold=threshold, at=NOW
    )


def founded(folder: Path, threshold: int = 2) -> Agreed:
    """Return a federation that is in force in a folder."""
    proposal = ceremony.propose(None, first_charter(threshold), at=NOW, why="the founding")
    return in_force(folder, None, proposal, *list(SEATS.values())[:threshold])


def with_esrf(folder: Path) -> Agreed:
    """Return a federation in which ESRF has a namespace and a key of its own for it."""
    agreed = founded(folder)
    after = charter.delegate(charter_of(agreed), "esrf", ESRF_LIST.public_key, threshold=None)
    proposal = ceremony.propose(agreed, after, at=NOW, why="ESRF publishes")
    return in_force(folder, agreed, proposal, SEATS["ESRF"], SEATS["ILL"])


def in_force(
    folder: Path, agreed: Agreed | None, proposal: Proposal, *signers: CryptoSigner
) -> Agreed:
    """Sign a proposal and put it in force."""
    for each in signers:
        proposal = ceremony.sign(agreed, proposal, each, expect=proposal.id, at=NOW)
    return documents.put_in_force(folder, proposal)
