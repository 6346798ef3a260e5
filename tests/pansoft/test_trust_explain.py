# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust explain` on what is kept here, on a published folder, by another policy, on another day."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.console import Console
from core.errors import EXIT_DONE, EXIT_REFUSED, Refused, UserError
from core.files import write_atomic
from pansoft.commands.trust import trust
from pansoft.context import Context
from tests.policies import policy_with
from tests.trust.cases import EVIDENCE, PLAN
from tests.trust.conftest import tiny_sif
from trust.codec import to_json
from trust.evidence import Evidence, Purpose, ReleaseFacts, ScanFacts, SignerFacts
from trust.judge import judge
from trust.keys import local_key, local_policy
from trust.policy import load_policy
from trust.signing import statements
from trust.signing.statements import ImageFacts

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs")

ROOT = Path(__file__).parents[2]
AT = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a publisher's state, and beside it the folder of a version that it signed, as a mount has it."""
    folder = tmp_path_factory.mktemp("publisher")
    key = local_key(folder / "state")
    version = folder / "images" / "tiny" / "1.0"
    image = tiny_sif(version)
    evidence = replace(
        EVIDENCE,
        purpose=Purpose.SIGN,
        base="debian-12",
        bases=("debian-12",),
        scan=ScanFacts(4711, ()),
        signer=SignerFacts(
            key.fingerprint, key.facts.name, key.facts.created, key.facts.expires, revoked=False
        ),
        release=ReleaseFacts("testing", "2099-12-31"),
    )
    policy = load_policy(ROOT / "trust-policy", local=local_policy(folder / "state"))
    facts = ImageFacts(PLAN, "pyfai", "2024.9", "debian-12", "1" * 64, 1, 1)
    statements.write(
        image, key=key, image=facts, evidence=evidence, verdict=judge(policy, evidence, at=AT)
    )
    return version


@pytest.fixture
def partner(published: Path, tmp_path: Path) -> Context:
    """Return a partner, whose policy lists the publisher's key."""
    shutil.copytree(local_policy(published.parents[2] / "state"), local_policy(tmp_path / "state"))
    return Context(project=ROOT, state=tmp_path / "state", console=Console(quiet=True))


def run(context: Context, *argv: str | Path) -> Result:
    words = ["explain", *(str(part) for part in argv)]
    return CliRunner().invoke(trust, words, obj=context, standalone_mode=False)


def answer(context: Context, *argv: str | Path) -> Any:
    return json.loads(run(context, *argv, "--format", "json").stdout)


def keep(context: Context, evidence: Evidence, name: str = "abc") -> None:
    verdict = judge(load_policy(context.policy), evidence, at=AT)
    record = {"schema": 2, "evidence": to_json(evidence), "verdict": to_json(verdict)}
    write_atomic(context.state / "signed" / f"{name}.refused.json", json.dumps(record))


def test_a_partner_explains_a_published_folder(partner: Context, published: Path) -> None:
    done = run(partner, published)

    assert done.return_value == EXIT_DONE, done.output
    assert "pyfai 2024.9: accepted" in done.stdout
    assert "from 2100-01-01 00:00:00 UTC support-date-valid says refused" not in done.stdout
    assert answer(partner, published)["vouched"] == "local demo key"


def test_what_nobody_vouches_for_is_explained_and_not_accepted(
    published: Path, tmp_path: Path
) -> None:
    stranger = Context(project=ROOT, state=tmp_path / "new", console=Console(quiet=True))

    done = run(stranger, published)

    assert done.return_value == EXIT_REFUSED
    assert "nobody vouches for what was seen: " in done.stdout
    assert "signer-trusted: refused" in done.stdout


def test_an_altered_statement_is_not_believed(
    partner: Context, published: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    statement = copy / "tiny.sif.statement.json"
    statement.write_text(statement.read_text().replace("debian-12", "debian-13"))

    said = answer(partner, copy)

    assert said["vouched"] is None
    assert "was altered" in said["doubt"]
    assert run(partner, copy).return_value == EXIT_REFUSED


def test_a_folder_without_a_statement_is_refused(partner: Context, tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_bytes(b"x")

    assert isinstance(run(partner, tmp_path).exception, UserError)
    assert isinstance(run(partner, tmp_path / "x.sif").exception, Refused)
    assert isinstance(run(partner, tmp_path / "nothing").exception, UserError)


def test_a_policy_that_is_to_be_tried_is_a_file(
    partner: Context, published: Path, tmp_path: Path
) -> None:
    tried = tmp_path / "stricter.yaml"
    tried.write_text(
        (ROOT / "trust-policy" / "policy.yaml")
        .read_text()
        .replace("- debian-12\n", "- debian-13\n")
    )

    said = run(partner, published, "--policy", tried, "--rule", "base-allowed")

    assert said.return_value == EXIT_REFUSED
    lines = said.stdout.splitlines()
    line = tried.read_text().splitlines().index("  bases:") + 1
    assert f"           {tried}:{line}" in lines  # it is not below the current folder
    assert "  then     passed: stands on debian-12" in lines
    assert "  now      refused: the base debian-12 is not one of debian-13, debian-12-*" in lines


def test_one_rule_says_when_it_turns(partner: Context, published: Path) -> None:
    said = run(partner, published, "--rule", "support-date-valid", "--at", "2099-01-31").stdout

    assert "by itself: refused from 2100-01-01 00:00:00 UTC on" in said


def test_it_can_be_asked_for_another_purpose(partner: Context, published: Path) -> None:
    said = answer(partner, published, "--purpose", "publish")

    assert said["now"]["purpose"] == "publish"
    [rule] = [each for each in said["rules"] if each["rule"] == "version-immutable"]
    assert rule["then"]["outcome"] == "not-applicable"


def test_a_version_is_chosen_with_an_at(partner: Context) -> None:
    for version in ("1", "2"):
        keep(partner, Evidence(Purpose.SIGN, "pyfai", version), name=version)

    assert answer(partner, "pyfai@1")["then"]["version"] == "1"
    assert isinstance(run(partner, "pyfai@3").exception, UserError)


def test_a_refusal_says_all_that_would_change_it(partner: Context) -> None:
    keep(
        partner,
        replace(EVIDENCE, purpose=Purpose.SIGN, tests=None, base="debian-12", bases=("debian-12",)),
    )

    said = run(partner, "pyfai").stdout

    assert "tests-passed: refused\n" in said
    assert "  change   nobody looked at `tests`: pansoft test pyfai" in said
    assert (
        "base-allowed: " not in said
    )  # a yes that is still one is a line of the verdict, not more


@pytest.mark.parametrize("form", ["sarif", "gitlab"])
def test_a_merge_request_gets_the_verdict_with_paths_of_the_project(
    partner: Context, form: str
) -> None:
    keep(partner, Evidence(Purpose.MERGE, "gemmi", "1", base="ubuntu"))

    said = run(partner, "gemmi", "--format", form)

    assert said.return_value == EXIT_REFUSED
    assert "recipes/gemmi/recipe.yaml" in said.stdout
    assert str(ROOT) not in said.stdout


def test_a_recipe_without_a_decision_is_asked_as_its_merge_request_is(tmp_path: Path) -> None:
    """Software of licence holders: all right for this machine, and never for everybody."""
    context = Context(project=ROOT, state=tmp_path / "state", console=Console(quiet=True))
    read_by_all = [
        {"name": "*.local", "audience": "local"},
        {"name": "all.example.org", "audience": "public"},
    ]
    public = policy_with(tmp_path / "policy", repositories=read_by_all)

    here = run(context, "xds")
    there = run(context, "xds", "--repository", "all.example.org", "--policy", public)

    assert (here.return_value, there.return_value) == (EXIT_DONE, EXIT_REFUSED)
    assert "not asked to merge: signer-trusted, " in here.stdout
    assert "redistribution is forbidden: it may be given to site, local" in there.stdout
    assert "all.example.org is for public" in there.stdout
