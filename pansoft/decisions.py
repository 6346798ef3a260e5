# SPDX-License-Identifier: BSD-3-Clause
"""The decision log of the repository: what is put into it at a publication, and from where it is read.

Decisions of this machine wait in the state folder (`trust.decisions.waiting`). A publication appends them to
the log that the repository holds, in the same transaction as what they are about: nothing is published
without its entry, and no entry without what it speaks of. The repository's lock keeps two publishers from
appending to the same end. Killed at any moment, it leaves the old log or the new one; what waits, waits on
and is not appended twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from builder.state import State
from core.errors import Refused
from cvmfs.backends.backend import Backend, OpenTransaction
from cvmfs.reading.reader import Reader
from pansoft import target
from trust.decisions import memory, waiting
from trust.decisions.decision import Decision, Kind, behind, of_policy, of_verdict, pgp
from trust.decisions.head import Head
from trust.decisions.log import Log, grown, read_log
from trust.evidence import Evidence
from trust.keys import SigningKey
from trust.policy import TrustPolicy
from trust.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Logged:
    """What a publication leaves the log with: its head, and the decisions that it holds."""

    head: Head
    identities: frozenset[str]


def of_publishing(
    state: State,
    verdict: Verdict,
    evidence: Evidence,
    key: SigningKey,
    *,
    kind: Kind = Kind.PUBLISH,
    note: str = "",
) -> tuple[Decision, ...]:
    """Return the decisions of a verdict about publishing, or of another `kind`: what people said for it,
    then the verdict, with a `note`.

    Who publishes is the pipeline whose token was believed, or else the key that signs the head. A refusal
    is noted at once: it is a decision whether or not something else is published.
    """
    who = evidence.publisher.by if evidence.publisher else pgp(key.fingerprint)
    decision = replace(of_verdict(kind, verdict, evidence, who=who), note=note)
    if not verdict.accepted:
        waiting.note(state.decisions, decision)
    return (*behind(verdict, evidence), decision)


def put(
    tx: OpenTransaction,
    backend: Backend,
    state: State,
    decided: Sequence[Decision],
    *,
    policy: TrustPolicy,
    key: SigningKey,
    at: datetime,
) -> Logged | None:
    """Append what waits and what was decided to the repository's log; return how the log ends then.

    A repository that holds no log yet gets one with the first decision.

    Raises:
        Refused: the log that the repository holds is not whole, shrank, or is signed by a key that
            the policy does not list. It is not continued before somebody has explained that.
    """
    every = [*waiting.waiting(state.decisions), *decided]
    with backend.reader(at=at) as reader:
        log = read_log(reading(reader), public_keys=policy.public_keys, repository=backend.fqrn)
    name = memory.name_of(backend.fqrn, target.public_key(state))
    memory.check_continues(memory.remembered(state.seen_logs, name), log)
    if log is not None:
        check_signed(log)
    elif not every:
        return None
    growth = grown(log, [of_policy(policy, at=at), *every], repository=backend.fqrn, key=key, at=at)
    if growth is None:
        return Logged(log.head, log.identities) if log else None
    for path, content in growth.files.items():
        tx.put_bytes(content, path)
    fresh = frozenset(link.entry.decision.identity for link in growth.links)
    return Logged(growth.head, fresh | (log.identities if log else frozenset()))


def settle(state: State, logged: Logged | None) -> None:
    """Note that a log is published: what it holds waits no longer, and it may not shrink any more."""
    if logged is not None:
        name = memory.name_of(logged.head.repository, target.public_key(state))
        memory.remember(state.seen_logs, name, logged.head)
        waiting.forget(state.decisions, logged.identities)


def check_signed(log: Log) -> None:
    """Refuse a log whose head no key of the policy has signed.

    Raises:
        Refused: with the reason.
    """
    if log.signed.signature is None:
        raise Refused(
            f"nobody vouches for the decision log of {log.repository}: {log.signed.said}",
            hint="a signer that has left stays in the policy, with `disabled` and the reason",
        )


def reading(reader: Reader) -> Callable[[str], bytes | None]:
    """Return how the log is read from a repository that a reader has verified."""
    return lambda path: reader.read(path) if reader.lookup(path) is not None else None
