# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust` and `pansoft verify` as people and pipelines use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from core.console import Console
from core.errors import EXIT_REFUSED, Refused, UserError
from core.files import write_atomic
from pansoft.commands.trust import trust
from pansoft.commands.verify import verify
from pansoft.context import Context
from tests.trust.cases import EVIDENCE
from trust import keys
from trust.codec import to_json
from trust.evidence import Evidence, Purpose
from trust.judge import judge
from trust.policy import load_policy

pytestmark = pytest.mark.needs("apptainer", "gpg")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(project=ROOT, state=tmp_path / "a state", console=Console(quiet=True))


def run(command: click.Command, context: Context, *argv: str | Path) -> Result:
    return CliRunner().invoke(command, [str(part) for part in argv], obj=context)


def answer(command: click.Command, context: Context, *argv: str | Path) -> Any:
    return json.loads(run(command, context, *argv, "--json").stdout)


def keep_record(context: Context, evidence: Evidence) -> None:
    policy = load_policy(context.policy)
    at = EVIDENCE.signer.created if EVIDENCE.signer else None
    assert at
    verdict = judge(policy, evidence, at=at)
    record = {"schema": 2, "evidence": to_json(evidence), "verdict": to_json(verdict)}
    write_atomic(context.state / "signed" / "abc.refused.json", json.dumps(record))


def test_a_local_key_is_made_once_and_shown(context: Context) -> None:
    first = answer(trust, context, "keygen", "--local")
    second = answer(trust, context, "keygen", "--local")

    assert first == second
    assert first["local"] is True
    assert Path(first["public_key"]).is_file()
    [row] = answer(trust, context, "status")["signers"]
    assert row["fingerprint"] == first["fingerprint"]
    assert row["counts"] == "for local repositories, in this state folder only"


def test_a_key_for_others_needs_a_passphrase(context: Context) -> None:
    result = run(trust, context, "keygen", "esrf-2026", "--holder", "ESRF", "--email", "a@b.c")

    assert isinstance(result.exception, UserError)
    assert "--passphrase-file" in result.exception.message


def test_a_key_for_others_is_proposed_not_trusted(context: Context, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("a long passphrase\n")
    argv = ("--holder", "ESRF", "--email", "a@b.c", "--passphrase-file", secret)

    result = run(trust, context, "keygen", "esrf-2026", *argv, "--output", tmp_path / "keys")

    assert result.exit_code == 0
    assert (tmp_path / "keys" / "esrf-2026.asc").is_file()
    assert "a long passphrase" not in result.output
    assert answer(trust, context, "status")["signers"] == []


@pytest.mark.parametrize("name", ["../x", "a b", "", "local"])
def test_a_key_name_that_leaves_its_folder_is_refused(context: Context, name: str) -> None:
    result = run(trust, context, "keygen", name)

    assert isinstance(result.exception, UserError)
    assert not context.state.exists()


def test_status_says_that_nobody_counts_yet(context: Context) -> None:
    assert "nobody's signature counts yet" in run(trust, context, "status").stdout


def test_a_refusal_is_explained_and_ends_in_3(context: Context) -> None:
    keep_record(context, Evidence(purpose=Purpose.SIGN, name="pyfai", version="1"))

    result = CliRunner().invoke(trust, ["explain", "pyfai"], obj=context, standalone_mode=False)

    assert result.return_value == EXIT_REFUSED
    assert "to mend it: pansoft test NAME" in result.stdout


def test_one_rule_is_explained_with_its_reason(context: Context) -> None:
    keep_record(context, Evidence(purpose=Purpose.SIGN, name="pyfai", version="1"))

    said = run(trust, context, "explain", "pyfai", "--rule", "no-setuid").stdout

    assert "no-setuid" in said
    assert "tests-passed" not in said
    assert "why      A site that unpacks" in said


def test_another_day_changes_the_answer(context: Context) -> None:
    keep_record(context, EVIDENCE)

    def at(day: str) -> str:
        argv = ("explain", "pyfai", "--rule", "support-date-valid", "--at", day)
        return str(answer(trust, context, *argv)["now"]["findings"][0]["outcome"])

    assert (at("2027-12-31"), at("2028-01-01")) == ("passed", "refused")


def test_what_was_never_decided_cannot_be_explained(context: Context) -> None:
    result = run(trust, context, "explain", "nothing")

    assert isinstance(result.exception, UserError)
    assert result.exception.hint == "pansoft sign nothing makes one"


def test_a_refusal_to_verify_is_json_as_well(context: Context, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.sif"
    wrong.write_text("hello")
    keys.local_key(context.state)

    result = run(verify, context, wrong, "--json")

    assert isinstance(result.exception, Refused)
    assert json.loads(result.stdout) == {
        "accepted": False,
        "reason": f"{wrong} is not a SIF file",
    }
