# SPDX-License-Identifier: BSD-3-Clause
"""The log in a real repository: grown with what is published, whole after every kill, never taken back."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace

import pytest

from builder.state import State
from core import process
from core.errors import Refused
from pansoft import decisions, embedded
from tests.pansoft.publishers import ROOT, log_of, policy_of, publish, subjects
from tests.trust.cases import EVIDENCE, NOON, POLICY
from tests.trust.decisions.chains import decision
from trust.decisions import waiting
from trust.decisions.decision import Kind
from trust.evidence import IdentityFacts
from trust.judge import judge
from trust.keys import local_key, local_policy

pytestmark = pytest.mark.needs("apptainer", "gpg")


def test_the_policy_comes_first_and_then_what_was_decided(publisher: State) -> None:
    policy = policy_of(publisher)

    assert subjects(publisher) == [f"trust-policy {policy.version}", "pyfai 1.0", "pyfai 1.1"]
    assert log_of(publisher).repository == embedded.FQRN
    assert log_of(publisher).links[0].entry.decision.kind is Kind.POLICY


def test_the_same_decisions_are_no_new_revision(publisher: State) -> None:
    assert not publish(publisher, [decision(1), decision(0)])
    assert not publish(publisher, [])


def test_what_waits_is_published_and_waits_no_longer(publisher: State) -> None:
    waiting.note(publisher.decisions, decision(5))
    waiting.note(publisher.decisions, decision(1))

    assert publish(publisher, [decision(6)])

    assert subjects(publisher)[3:] == ["pyfai 1.5", "pyfai 1.6"]
    assert waiting.waiting(publisher.decisions) == ()


def test_a_publication_that_fails_leaves_what_waits(publisher: State) -> None:
    waiting.note(publisher.decisions, decision(5))

    with pytest.raises(ZeroDivisionError):
        publish(publisher, [], then=lambda: 1 // 0)

    assert subjects(publisher)[-1] == "pyfai 1.1"
    assert waiting.waiting(publisher.decisions) == (decision(5),)


@pytest.mark.parametrize("where", ["cvmfs.publishing.publish.commit", "pansoft.decisions.settle"])
def test_killed_between_appending_and_publishing_the_log_is_whole(
    publisher: State, where: str
) -> None:
    """Killed before the manifest is there the log is the old one, killed after that the new one."""
    waiting.note(publisher.decisions, decision(5))
    module, name = where.rsplit(".", 1)
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        f"import {module}\n"
        f"{module}.{name} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from tests.pansoft.publishers import State, publish\n"
        "publish(State(Path(sys.argv[1])), [])\n"
    )

    killed = process.run(
        [sys.executable, "-c", script, publisher.folder],
        reason="publish and be killed",
        cwd=ROOT,
        check=False,
    )

    assert killed.returncode == -9, killed.stderr
    assert subjects(publisher)[3:] == (["pyfai 1.5"] if "settle" in where else [])
    assert waiting.waiting(publisher.decisions) == (decision(5),)
    publish(publisher, [])
    assert subjects(publisher)[3:] == ["pyfai 1.5"]
    assert waiting.waiting(publisher.decisions) == ()
    assert not publish(publisher, [])


def test_a_repository_that_was_put_back_is_not_published_to(publisher: State) -> None:
    old = shutil.copytree(publisher.repository, publisher.folder / "old", symlinks=True)
    publish(publisher, [decision(7)])
    shutil.rmtree(publisher.repository)
    old.rename(publisher.repository)

    with pytest.raises(Refused, match=r"entry 3 of the log: missing; .* shrank"):
        publish(publisher, [decision(8)])


def test_a_log_by_a_key_that_nobody_lists_is_not_continued(publisher: State) -> None:
    shutil.rmtree(publisher.keys / "signing")
    shutil.rmtree(local_policy(publisher.folder))

    with pytest.raises(Refused, match="nobody vouches for the decision log of"):
        publish(publisher, [decision(8)])


def test_who_publishes_is_the_pipeline_where_there_is_one(publisher: State) -> None:
    key = local_key(publisher.folder)
    pipeline = IdentityFacts("oidc:https://gitlab.example.org#project:1", "release pipeline")
    verdict = judge(POLICY, EVIDENCE, at=NOON)
    assert verdict.accepted

    *_, by_key = decisions.of_publishing(publisher, verdict, replace(EVIDENCE, publisher=None), key)
    *_, by_pipeline = decisions.of_publishing(
        publisher, verdict, replace(EVIDENCE, publisher=pipeline), key
    )

    assert by_pipeline.who == pipeline.by
    assert by_key.who == f"pgp:{key.fingerprint}"


def test_a_refusal_to_publish_waits_even_if_nothing_is_published(publisher: State) -> None:
    refused = replace(EVIDENCE, tests=None)
    verdict = judge(POLICY, refused, at=NOON)

    decisions.of_publishing(publisher, verdict, refused, local_key(publisher.folder))

    [waits] = waiting.waiting(publisher.decisions)
    assert (waits.kind, waits.accepted) == (Kind.PUBLISH, False)
    assert "tests-passed" in waits.refused
