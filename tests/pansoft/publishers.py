# SPDX-License-Identifier: BSD-3-Clause
"""A publisher: a state folder with a signing key and a repository whose log holds two decisions."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from builder.state import State
from cvmfs.backends.backend import Backend
from pansoft import clock, decisions, target
from tests.trust.decisions.chains import decision
from trust.decisions.decision import Decision
from trust.decisions.log import Log, read_log
from trust.keys import local_key, local_policy
from trust.policy import TrustPolicy, load_policy

ROOT = Path(__file__).parents[2]
AT = clock.now() + timedelta(days=1)


@pytest.fixture(scope="session")
def published_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the state of a publisher: a signing key, and a repository with two decisions in its log."""
    folder = tmp_path_factory.mktemp("publisher") / "state"
    local_key(folder)
    publish(State(folder), [decision(0), decision(1)])
    return folder


@pytest.fixture
def publisher(published_log: Path, tmp_path: Path) -> State:
    """Return a copy of that state, to change."""
    return State(Path(shutil.copytree(published_log, tmp_path / "state", symlinks=True)))


def policy_of(state: State) -> TrustPolicy:
    return load_policy(ROOT / "trust-policy", local=local_policy(state.folder))


def backend_of(state: State) -> Backend:
    return target.backend_of(state, at=AT)


def publish(
    state: State, decided: Sequence[Decision], *, then: Callable[[], object] = lambda: None
) -> bool:
    """Publish decisions and nothing else; return whether there is a new revision.

    `then` runs when they are appended and not published yet.
    """
    backend = backend_of(state)
    with backend.transaction(at=AT, message="decisions") as tx:
        logged = decisions.put(
            tx,
            backend,
            state,
            decided,
            policy=policy_of(state),
            key=local_key(state.folder),
            at=AT,
        )
        then()
    decisions.settle(state, logged)
    return tx.published.is_new


def log_of(state: State) -> Log:
    with target.read(state, at=AT) as reader:
        log = read_log(decisions.reading(reader), public_keys=policy_of(state).public_keys)
    assert log is not None
    decisions.check_signed(log)
    return log


def subjects(state: State) -> list[str]:
    return [link.entry.decision.subject for link in log_of(state).links]
