# SPDX-License-Identifier: BSD-3-Clause
"""The loop on a small real project: what is done, what is left alone, what is kept out."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder import sign
from builder.images.build import build
from builder.images.built import built
from builder.images.plan import BuildPlan
from builder.inputs.lock import (
    PackageLock,
    package_asked,
    read_base_lock,
    write_base_lock,
    write_package_lock,
)
from builder.recipes.load import load_base, load_recipe
from builder.stages import Fingerprint, SignedImage
from builder.state import State
from builder.testing.run import known_report
from core.canonical import sha256_of
from core.console import Console
from core.errors import Refused, UserError
from core.event_log import EventLog
from core.events import Result, Stage, read_events
from cvmfs.checking.check import check as check_repository
from cvmfs.format.keys import RepositoryKeys, create_keys
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.repository import Repository, create_repository
from pansoft import cli, decisions, embedded, loop, planning, publish, published, target, workspace
from pansoft.commands.apply import status_of, tell
from pansoft.consent import consent_in
from pansoft.context import Context
from pansoft.journal import Package, runs_in
from pansoft.loop import LoopReport
from pansoft.planning import Status
from pansoft.shown import Shown
from tests.builder.conftest import Builds
from tests.cvmfs.backends.gateway_server import GatewayServer, gateway_serving
from tests.cvmfs.backends.machines import put_server
from tests.real_projects import PLOT, real_project
from tests.trust.people import WAIVERS, World, waiver
from trust.decisions.decision import Kind
from trust.decisions.log import read_log
from trust.keys import local_key

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def apply(context: Context, at: datetime = AT) -> LoopReport:
    recipes = workspace.recipes_named(context, [])
    return loop.apply(context, recipes, at=at, jobs=2)


def status(context: Context) -> tuple[Status, str]:
    recipes = workspace.recipes_named(context, [])
    [planned] = planning.plan(context, recipes, at=AT).planned
    return planned.status, planned.why


def recording(context: Context) -> Context:
    """Return a context whose state has an event log."""
    log = EventLog(
        State(context.state).events, trace="run-1", verb="apply", at=AT, warn=pytest.fail
    )
    return replace(context, events=log)


@pytest.fixture(scope="session")
def first(builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, LoopReport]:
    """Return a project whose one package was brought into the repository, and the loop's report."""
    folder = tmp_path_factory.mktemp("loop")
    project = real_project(folder / "project")
    state = builds.beside(folder / "a state")
    context = recording(Context(project=project, state=state.folder, console=Console(quiet=True)))
    assert status(context) == (Status.NEW, "a package that is not published")
    return context, apply(context)


@pytest.fixture
def context(first: tuple[Context, LoopReport], tmp_path: Path) -> Context:
    """Return a copy of that project and its state, to change."""
    original, _ = first
    project = tmp_path / "project"
    shutil.copytree(original.project, project)
    state = tmp_path / "state"
    shutil.copytree(original.state, state, symlinks=True)
    return Context(project=project, state=state, console=Console(quiet=True))


def test_a_new_package_is_built_tested_signed_and_published(
    first: tuple[Context, LoopReport],
) -> None:
    context, report = first

    assert report.failures == ()
    [brought] = report.brought
    assert brought.fresh
    assert brought.candidate.report.passed
    assert report.outcome is not None
    assert report.outcome.refused == ()
    assert [entry.name for entry in report.outcome.fresh] == ["plotter"]
    assert published.entries_in(State(context.state), at=AT) == report.outcome.entries
    assert [entry.plan for entry in report.outcome.entries] == [brought.candidate.plan]


def test_every_stage_of_it_is_in_the_event_log(first: tuple[Context, LoopReport]) -> None:
    context, report = first
    [brought] = report.brought
    assert report.outcome is not None

    log = read_events([State(context.state).events])

    said = [(event.stage, event.package, event.result) for event in log.events]
    assert [item for item in said if item[0] is not Stage.BASE] == [
        (Stage.PLAN, None, Result.DONE),
        (Stage.FETCH, None, Result.REUSED),  # its inputs and its base are there
        (Stage.BUILD, "plotter", Result.DONE),
        (Stage.TEST, "plotter", Result.DONE),
        (Stage.SIGN, "plotter", Result.DONE),
        (Stage.PUBLISH, None, Result.DONE),
        (Stage.PUBLISH, "plotter", Result.DONE),
    ]
    image = brought.candidate.signed.image
    sizes = {(event.stage, event.package): event.bytes for event in log.events}
    assert sizes[Stage.BUILD, "plotter"] == image.delta_size
    assert sizes[Stage.PUBLISH, None] == report.outcome.publication.new_bytes
    plans = {event.plan for event in log.events if event.version}
    assert plans == {brought.candidate.plan}


def test_the_journal_says_who_published_what(first: tuple[Context, LoopReport]) -> None:
    context, report = first
    assert report.outcome is not None
    [entry] = report.outcome.entries

    [run] = runs_in(State(context.state).journal)

    began = run.began
    assert (began.trace, began.by) == ("run-1", f"pgp:{entry.signer.fingerprint}")
    assert (began.commit, began.revision) == (None, None)  # no git, and no repository yet
    assert began.todo == (Package("plotter", "5.4.4", "new", entry.plan),)
    [revision] = run.published
    assert revision.packages == ("plotter 5.4.4",)
    assert revision.revision == report.outcome.publication.revision
    assert revision.root == str(report.outcome.publication.root_hash)
    assert run.ended is not None
    assert (run.ended.result, run.ended.said) == ("done", ())


def test_what_is_there_already_is_in_the_event_log_as_reused(context: Context) -> None:
    file = State(context.state).events
    file.unlink()
    again = recording(context)

    apply(again)
    shutil.rmtree(embedded.folder_of(State(context.state)))
    shutil.rmtree(State(context.state).seen_logs)  # begun anew on purpose
    apply(again)

    said = [(event.stage, event.package, event.result) for event in read_events([file]).events]
    assert said == [
        (Stage.PLAN, None, Result.DONE),
        (Stage.PUBLISH, "plotter", Result.REUSED),
        (Stage.PUBLISH, None, Result.REUSED),
        (Stage.PLAN, None, Result.DONE),
        (Stage.BUILD, "plotter", Result.REUSED),
        (Stage.TEST, "plotter", Result.REUSED),
        (Stage.SIGN, "plotter", Result.REUSED),
        (Stage.PUBLISH, None, Result.DONE),
        (Stage.PUBLISH, "plotter", Result.DONE),
    ]


def test_what_is_published_says_under_which_hashes_it_is_stored(
    first: tuple[Context, LoopReport],
) -> None:
    context, _ = first

    with target.read(State(context.state), at=AT) as reader:
        [image] = [e for e in reader.walk("images") if e.name == "plotter.sif"]
        folder = image.path.rpartition("/")[0]
        rows = [json.loads(line) for line in reader.read(f"{folder}/content.table").splitlines()]

    [row] = [row for row in rows if row["path"] == "plotter.sif"]
    assert row["chunks"] == [
        f"{chunk.content_hash},{chunk.piece.offset},{chunk.piece.size}" for chunk in image.chunks
    ]
    assert {row["path"] for row in rows} >= {"sbom.spdx.json", "plotter.sif.statement.json"}


def test_every_decision_of_it_is_in_the_log_that_is_published(
    first: tuple[Context, LoopReport],
) -> None:
    context, _ = first
    state = State(context.state)
    with target.read(state, at=AT) as reader:
        [entry] = published.entries_of(reader)
        log = read_log(
            decisions.reading(reader), public_keys=loop.policy_of(context, state).public_keys
        )
        record = json.loads(reader.read(f"{entry.folder}/verdict.json"))

    assert log is not None
    said = [link.entry.decision for link in log.links]
    assert [(each.kind, each.accepted) for each in said] == [
        (Kind.POLICY, True),
        (Kind.SIGN, True),
        (Kind.PUBLISH, True),
    ]
    assert {each.plan for each in said[1:]} == {entry.plan}
    assert said[1].verdict_sha256 == sha256_of(record["verdict"])
    assert said[1].who == f"pgp:{entry.signer.fingerprint}"


def test_what_is_published_is_planned_no_more(first: tuple[Context, LoopReport]) -> None:
    context, report = first

    assert report.outcome is not None
    [entry] = report.outcome.entries
    assert status(context) == (Status.PUBLISHED, f"published on {entry.published}")


def test_a_second_run_does_nothing(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    report = apply(context, AT + timedelta(minutes=5))

    assert report.brought == ()
    assert report.outcome is not None
    assert not report.outcome.publication.is_new
    tell(report)
    assert status_of(report) == 0
    assert capsys.readouterr().out.startswith("nothing to do: revision ")


def test_a_stopped_run_goes_on_with_what_is_built(context: Context) -> None:
    shutil.rmtree(context.state / "repository")
    shutil.rmtree(context.state / "keys" / "repository", ignore_errors=True)
    for file in (context.state / "keys").glob(f"**/{embedded.FQRN}.*"):
        file.unlink()
    assert status(context) == (Status.BUILT, "built, not published")

    report = apply(context)

    [brought] = report.brought
    assert not brought.fresh
    assert report.outcome is not None
    assert len(report.outcome.fresh) == 1


def facility(folder: Path) -> tuple[Repository, RepositoryKeys]:
    """Make the empty repository of a facility, with keys of its own."""
    keys = create_keys(folder, embedded.FQRN, at=AT)
    return create_repository(folder / "repository", keys, at=AT), keys


def settle(context: Context, public_key: Path, **settings: str) -> None:
    """Say in the site's file whose repository it is, and by which way it is written."""
    given = {"name": embedded.FQRN, "public_key": str(public_key), **settings}
    lines = [f"  {name}: {value}" for name, value in given.items()]
    (context.state / "site.yaml").write_text("\n".join(["schema: 1", "repository:", *lines, ""]))


def is_published_by(context: Context, report: LoopReport) -> bool:
    """Return whether what a run published is there, sound, and planned no more."""
    with target.read(State(context.state), at=AT) as reader:
        assert check_repository(reader).findings == ()
        assert reader.lookup("testing/setup.sh") is not None
        assert reader.lookup(f"trust/{embedded.FQRN}.pub") is not None
    assert report.outcome is not None
    assert [entry.name for entry in report.outcome.fresh] == ["plotter"]
    assert status(context)[0] is Status.PUBLISHED
    return not apply(context).outcome.publication.is_new  # type: ignore[union-attr]  # it has one


def test_the_same_goes_through_a_gateway(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, keys = facility(tmp_path / "facility")
    monkeypatch.setenv("PANSOFT_GATEWAY_KEY", "plain_text publisher secret")
    gateway = GatewayServer(repository, keys, AT, secret="secret")
    with gateway_serving(gateway), serving(repository.folder) as source:
        settle(context, keys.public_key, backend="gateway", gateway=gateway.url, stratum0=source)
        assert status(context) == (Status.BUILT, "built, not published")

        report = apply(context)

        assert is_published_by(context, report)


def test_the_same_goes_through_cvmfs_server(
    context: Context,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository, keys = facility(tmp_path / "facility")
    machine = tmp_path / "machine"
    put_server(tmp_path / "bin", machine, repository, keys, at=AT)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    settle(
        context,
        keys.public_key,
        backend="cvmfs_server",
        mounts=str(machine / "mounts"),
        stratum0=str(machine / "repositories" / embedded.FQRN),
    )
    where = ["--project", str(context.project), "--state", str(context.state)]
    assert cli.invoke([*where, "apply", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert not (machine / "log").exists()

    report = apply(context)

    tell(report)
    assert capsys.readouterr().out == "published 1 package as revision 2\n"
    ran = (machine / "log").read_text().splitlines()
    assert [f"    cvmfs_server {ran[0]}" in shown.splitlines(), len(ran)] == [True, 2]
    assert f"    # copy to {machine}/mounts/{embedded.FQRN}/images/plotter/5.4.4\n" in shown
    assert " -m publish_plotter_5.4.4 " in shown
    assert " -m publish_plotter_5.4.4 " in ran[1]
    assert is_published_by(context, report)


def test_other_words_rebuild_nothing(context: Context) -> None:
    real_project(context.project, changes={"Plots things.": "Draws things."})

    assert status(context)[0] is Status.PUBLISHED


def test_a_published_version_is_not_replaced_by_other_bytes(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    real_project(context.project, f"{PLOT}; echo > $PREFIX/more")
    before = published.entries_in(State(context.state), at=AT)
    assert status(context) == (
        Status.NEW,
        "its inputs differ from the published build of this version",
    )

    report = apply(context)

    assert report.outcome is not None
    [verdict] = report.outcome.refused
    assert (verdict.name, verdict.version) == ("plotter", "5.4.4")
    assert published.entries_in(State(context.state), at=AT) == before
    tell(report)
    assert status_of(report) == 3
    assert "plotter 5.4.4: the policy keeps it out" in capsys.readouterr().err


def test_what_is_waived_is_signed_and_published_and_says_so(context: Context) -> None:
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n"
    key = f"-----BEGIN PRIVATE KEY-----\\n{body}{body}"
    script = f"{PLOT}; mkdir $PREFIX/share; printf -- '{key}' > $PREFIX/share/test.pem"
    real_project(context.project, script, changes={"5.4.4": "5.4.7"})
    [failure] = apply(context).failures
    assert (failure.stage, "no-secrets" in failure.error.message) == ("sign", True)

    world = World(context.policy)
    world.waivers = {**WAIVERS, "threshold": 1, "facilities": 1}
    [recipe] = workspace.recipes_named(context, [])
    content = waiver(
        granted=AT,
        rule="no-secrets",
        package="plotter",
        versions=["5.4.7"],
        authors=[each.name for each in recipe.maintainers],
    )
    world.policy()
    world.put("waivers", content, world.by_login(content, "ada", at=AT))
    report = apply(context)

    assert (report.failures, len(report.outcome.fresh) if report.outcome else 0) == ((), 1)
    [entry] = [e for e in published.entries_in(State(context.state), at=AT) if e.version == "5.4.7"]
    waived = [each for each in entry.verdict.findings if each.outcome == "waived"]
    assert [each.rule for each in waived] == ["no-secrets"]
    assert "by Ada: the helper needs it" in waived[0].message
    signed = State(context.state).signed(entry.plan)
    policy = loop.policy_of(context, State(context.state))
    said = consent_in(context.policy, policy, at=AT)
    sign.verify(signed, policy=policy, at=AT, waivers=said.waivers)
    with pytest.raises(Refused, match="no-secrets"):  # what the signer believed is not enough
        sign.verify(signed, policy=policy, at=AT)
    with pytest.raises(Refused, match="no-secrets"):
        sign.verify(signed, policy=policy, at=AT + timedelta(days=11), waivers=said.waivers)


def test_a_new_version_stands_beside_the_old(context: Context) -> None:
    real_project(context.project, changes={"5.4.4": "5.4.5"})
    assert status(context) == (Status.NEW, "a version that is not published")

    report = apply(context, AT + timedelta(minutes=5))

    assert report.failures == ()
    versions = [entry.version for entry in published.entries_in(State(context.state), at=AT)]
    assert versions == ["5.4.4", "5.4.5"]


def plan_of(context: Context) -> BuildPlan:
    [planned] = planning.plan(context, workspace.recipes_named(context, []), at=AT).planned
    return planned.plan


def test_other_bytes_than_the_merge_request_showed_are_not_published(context: Context) -> None:
    real_project(context.project, changes={"5.4.4": "5.4.5"})
    other = "0" * 64
    shown = Shown({plan_of(context).id: frozenset({other})})

    recipes = workspace.recipes_named(context, [])
    report = loop.apply(context, recipes, at=AT, jobs=1, shown=shown)

    [failure] = report.failures
    assert (failure.name, failure.stage) == ("plotter", "compare")
    made = built(plan_of(context), State(context.state))
    assert made is not None
    assert other in failure.error.message
    assert made.image.sha256 in failure.error.message
    assert not State(context.state).signed(made.image.plan).exists()
    assert [entry.version for entry in published.entries_in(State(context.state), at=AT)] == [
        "5.4.4"
    ]


def test_the_bytes_that_the_merge_request_showed_are_published(context: Context) -> None:
    real_project(context.project, changes={"5.4.4": "5.4.5"})
    image = build(
        plan_of(context),
        State(context.state),
        user=workspace.builder_of(context),
        console=context.console,
    ).image
    shown = Shown({image.plan: frozenset({image.sha256})}, {"plotter": frozenset({image.plan})})
    assert shown.doubt(plan_of(context)) is None

    recipes = workspace.recipes_named(context, [])
    report = loop.apply(context, recipes, at=AT, jobs=1, shown=shown)

    assert report.failures == ()
    versions = [entry.version for entry in published.entries_in(State(context.state), at=AT)]
    assert versions == ["5.4.4", "5.4.5"]


def test_what_no_merge_request_showed_is_named_before_it_is_published(context: Context) -> None:
    real_project(context.project, changes={"5.4.4": "5.4.5"})
    recipes = workspace.recipes_named(context, [])
    said = "no merge request showed plotter 5.4.5: it is built, tested and judged here alone\n"

    def talk(shown: Shown | None) -> str:
        stream = io.StringIO()
        talking = replace(context, console=Console(stream=stream))
        assert loop.apply(talking, recipes, at=AT, jobs=1, shown=shown).failures == ()
        return stream.getvalue()

    assert talk(Shown()).startswith(said)
    assert "no merge request showed" not in talk(Shown())  # it is published now
    versions = [entry.version for entry in published.entries_in(State(context.state), at=AT)]
    assert versions == ["5.4.4", "5.4.5"]


def test_where_nobody_asks_what_was_shown_nothing_is_said_of_it(context: Context) -> None:
    real_project(context.project, changes={"5.4.4": "5.4.5"})
    stream = io.StringIO()
    talking = replace(context, console=Console(stream=stream))

    report = loop.apply(talking, workspace.recipes_named(context, []), at=AT, jobs=1)

    assert report.failures == ()
    assert "no merge request showed" not in stream.getvalue()


def test_a_package_whose_tests_fail_is_not_signed(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    real_project(context.project, changes={"5.4.4": "5.4.5", "run: plot": "run: plot && false"})

    report = apply(context)

    [failure] = report.failures
    assert (failure.name, failure.stage) == ("plotter", "sign")
    assert isinstance(failure.error, Refused)
    tell(report)
    assert status_of(report) == 3
    assert "plotter: sign failed" in capsys.readouterr().err


def test_a_package_that_does_not_build_is_reported(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    real_project(context.project, "echo trouble; exit 4", changes={"5.4.4": "5.4.5"})

    report = apply(context)

    [failure] = report.failures
    assert (failure.name, failure.stage) == ("plotter", "build")
    tell(report)
    assert status_of(report) == 2
    assert "trouble" in capsys.readouterr().err


def test_a_recipe_without_a_lock_holds_back_itself_only(context: Context) -> None:
    other = context.recipes / "other"
    shutil.copytree(context.recipes / "plotter", other)
    recipe = (other / "recipe.yaml").read_text()
    (other / "recipe.yaml").write_text(recipe.replace("name: plotter", "name: other", 1))
    (other / "lock.json").unlink()

    report = apply(context)

    [failure] = report.failures
    assert (failure.name, failure.stage) == ("other", "plan")
    assert failure.error.hint == "make it with: pansoft lock other"
    assert [item.recipe.name for item in report.planned] == ["plotter"]


def test_a_base_that_cannot_be_made_holds_back_the_packages_on_it(context: Context) -> None:
    """It once ended the whole run."""
    base = load_base(context.recipes / "bases" / "debian-12")
    lock = read_base_lock(base)
    gone = replace(lock.system[0], sha256="0" * 64, path="pool/main/g/gone/gone_1_all.deb")
    write_base_lock(replace(lock, system=(gone, *lock.system[1:])), base.lock_file)
    recipe = load_recipe(context.recipes / "plotter")
    changed = read_base_lock(base)
    write_package_lock(
        PackageLock("plotter", package_asked(recipe, changed), changed.id), recipe.lock_file
    )

    report = apply(context)

    [failure] = report.failures
    assert (failure.name, failure.stage) == ("plotter", "base")
    assert "gone_1_all.deb" in failure.error.message


def test_a_signed_image_that_was_altered_is_not_published(context: Context) -> None:
    state = State(context.state)
    [entry] = published.entries_in(state, at=AT)
    image = state.signed(entry.plan) / "plotter.sif"
    content = bytearray(image.read_bytes())
    content[-5] ^= 1
    image.write_bytes(content)

    with pytest.raises(Refused):
        publish.publish(
            [_candidate(context, image)], state, policy=loop.policy_of(context, state),
            policy_folder=context.policy, key=local_key(context.state), at=AT,
        )  # fmt: skip


def _candidate(context: Context, image: Path) -> publish.Candidate:
    [recipe] = workspace.recipes_named(context, [])
    state = State(context.state)
    made = built(workspace.plan_of(context, recipe), state)
    assert made is not None
    report = known_report(recipe, made.image, state)
    assert report is not None
    signed = SignedImage(made.image, image, "0" * 64, 1, Fingerprint("0" * 40), "somebody")
    return publish.Candidate(recipe, made.image.plan, signed, report)


class TestEmbedded:
    """The repository in the state folder."""

    def test_before_anything_is_published_there_is_nothing(self, tmp_path: Path) -> None:
        assert published.entries_in(State(tmp_path), at=AT) == ()
        with pytest.raises(UserError, match="nothing is published yet") as nothing:
            embedded.read_repository(State(tmp_path), at=AT)
        assert nothing.value.hint == "publish something: pansoft apply"

    def test_it_is_made_once(self, tmp_path: Path) -> None:
        state = State(tmp_path)

        one, _ = embedded.ensure_repository(state, at=AT)
        other, _ = embedded.ensure_repository(state, at=AT + timedelta(hours=1))

        assert one.manifest == other.manifest
        assert published.entries_in(state, at=AT) == ()

    def test_half_made_keys_are_made_again(self, tmp_path: Path) -> None:
        state = State(tmp_path)
        folder = embedded.keys_folder(state)
        folder.mkdir(parents=True)
        (folder / f"{embedded.FQRN}.masterkey").write_text("half")

        embedded.ensure_repository(state, at=AT)

        assert embedded.exists(state)

    def test_lost_keys_are_not_replaced_behind_ones_back(self, tmp_path: Path) -> None:
        state = State(tmp_path)
        embedded.ensure_repository(state, at=AT)
        (embedded.keys_folder(state) / f"{embedded.FQRN}.key").unlink()

        with pytest.raises(UserError, match="are gone, but its repository is there"):
            embedded.ensure_repository(state, at=AT)

    def test_a_whitelist_is_renewed_before_it_expires(self, tmp_path: Path) -> None:
        state = State(tmp_path)
        before = embedded.ensure_repository(state, at=AT)[0].whitelist.expires

        early, _ = embedded.ensure_repository(state, at=before - timedelta(days=11))
        assert early.whitelist.expires == before
        late, _ = embedded.ensure_repository(state, at=before - timedelta(days=9))

        assert late.whitelist.expires > before

    def test_a_site_may_keep_the_master_key_elsewhere(self, tmp_path: Path) -> None:
        state = State(tmp_path)
        before = embedded.ensure_repository(state, at=AT)[0].whitelist.expires
        (embedded.keys_folder(state) / f"{embedded.FQRN}.masterkey").unlink()

        late, _ = embedded.ensure_repository(state, at=before - timedelta(days=9))

        assert late.whitelist.expires == before
