# SPDX-License-Identifier: BSD-3-Clause
"""A preview is a real repository that ends: mounted and run by who has its key, believed by nobody else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from builder.recipes.recipe import Channel, Recipe, Redistribution
from builder.state import State
from core import process
from core.console import Console
from core.errors import Refused, UserError
from cvmfs.checking.check import check as check_repository
from cvmfs.errors import SignatureInvalid, WhitelistExpired, WrongRepository
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.repository import sign_whitelist
from cvmfs.reading.reader import Reader, open_reader
from pansoft import cli, embedded, previewing, published, workspace
from pansoft.ci import kept
from pansoft.ci import preview as previews
from pansoft.ci.note import PackageNote, Standing
from pansoft.ci.preview import name_of
from pansoft.context import Context
from pansoft.previewing import Made
from pansoft.shown import shown_by
from tests.builder.conftest import Builds
from tests.integration.program import pansoft
from tests.real_projects import PLOT, add_recipe, real_project
from tests.small_images import put_built
from tests.web_servers import nginx

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "mmdebstrap")

ROOT = Path(__file__).parents[2]
# Later than any key that these tests make, however long the tests before them took.
AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
OLD_KEYS = ("PRIVATE KEY", "BEGIN PGP PRIVATE")


@dataclass(frozen=True)
class Runner:
    """A runner that builds: a project, its state, and a folder of previews."""

    context: Context
    root: Path

    @property
    def state(self) -> State:
        return State(self.context.state)

    def recipes(self, *names: str) -> tuple[Recipe, ...]:
        return workspace.recipes_named(self.context, names)

    def make(self, *names: str, number: int = 7, **more: object) -> Made:
        recipes = self.recipes(*(names or ("plotter",)))
        given = {"days": 3, "at": AT, **more}
        return previewing.make(self.context, recipes, self.root, number=number, **given)  # type: ignore[arg-type]

    def invoke(self, *arguments: str) -> int:
        project, state = self.context.project, self.context.state
        first = ("--project", str(project), "--state", str(state), "-q")
        return cli.invoke([*first, "ci", "preview", *arguments])

    def names(self) -> set[str]:
        return {path.name for path in self.root.iterdir() if path.is_dir()}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Return a runner whose packages are built and tested: small images, everything after is real."""
    project = real_project(tmp_path / "project")
    add_recipe(project, "drawer", PLOT)
    context = Context(project, tmp_path / "state", Console(quiet=True))
    for recipe in workspace.recipes_named(context, []):
        put_built(context, recipe)
    return Runner(context, tmp_path / "previews")


def reader(made: Made, *, at: datetime = AT, fqrn: str | None = None) -> Reader:
    key = made.folder / f"{made.fqrn}.pub"
    return open_reader(made.folder, fqrn or made.fqrn, key, at=at)


def test_a_preview_is_mounted_and_its_program_runs(builds: Builds, tmp_path: Path) -> None:
    project = real_project(tmp_path / "project")
    state, root, output = builds.beside(tmp_path / "state"), tmp_path / "root", tmp_path / "output"
    recipe = project / "recipes" / "plotter" / "recipe.yaml"
    recipe.write_text(f"{recipe.read_text()}delivery: both\n")
    options = ("--merge-request", "7", "--root", root, "--url", "http://preview.example.org/cvmfs")

    done = pansoft(
        *("--project", project, "ci", "preview", "plotter", *options, "--output", output),
        state=state.folder,
    )

    assert done.returncode == 0, done.stderr
    told = previews.read(output)
    assert told is not None
    assert told.commands == ("plot",)
    assert told.url == f"http://preview.example.org/cvmfs/{name_of(7)}"
    key, target = output / f"{told.fqrn}.pub", tmp_path / "mount"
    assert key.read_text() == told.public_key
    partner, client = tmp_path / "partner", ("--fqrn", told.fqrn, "--public-key", key)
    with serving(root / told.fqrn) as url:
        mounting = pansoft("repo", "mount", target, "--source", url, *client, state=partner)
        assert mounting.returncode == 0, mounting.stderr
        try:
            program = process.run(
                # not by itself: a fork that waits for a file holds the server up, which is in this process
                ["sh", "-c", f". {target}/testing/setup.sh && plot"],
                reason="try it",
            )
            # nobody who looks at what they are given takes it for the facility's
            image, tree = (
                pansoft("--project", ROOT, "verify", target / form / "plotter/5.4.4", state=partner)
                for form in ("images", "trees")
            )
            on_runner = pansoft(
                "--project", project, "verify", target / "images/plotter/5.4.4", state=state.folder
            )
        finally:
            assert pansoft("repo", "unmount", target, state=partner).returncode == 0
        other = (*("--source", url, "--public-key", key), "--fqrn", "software.pansoft.local")
        as_real = pansoft("repo", "mount", target, *other, state=partner)
    assert program.stdout == "plotted\n"
    for refused in (image, tree, on_runner):
        assert refused.returncode == 3, refused.stdout
        assert "which the policy does not list" in refused.stderr
    assert as_real.returncode == 2
    assert f"is for the repository {told.fqrn}, not software.pansoft.local" in as_real.stderr


def test_it_has_what_it_was_asked_for_in_a_channel_of_its_own(runner: Runner) -> None:
    file = runner.context.recipes / "plotter" / "recipe.yaml"
    file.write_text(f"{file.read_text()}release:\n  channel: stable\n")
    assert runner.recipes("plotter")[0].release.channel is Channel.STABLE

    made = runner.make("plotter")

    with reader(made) as there:
        [entry] = published.entries_of(there)
        assert (entry.name, entry.channel, entry.fqrn) == (
            "plotter",
            Channel.TESTING,
            "mr-7.preview.software.pansoft.local",
        )
        assert there.lookup("stable") is None
        assert there.lookup("testing/setup.sh") is not None
        assert check_repository(there).findings == ()


def test_it_ends_when_it_said(runner: Runner) -> None:
    made = runner.make(days=3)

    hours = timedelta(days=3) - timedelta(minutes=AT.minute, seconds=AT.second)
    assert made.expires == AT + hours
    reader(made, at=made.expires - timedelta(seconds=1)).close()
    with pytest.raises(WhitelistExpired):
        reader(made, at=made.expires)


@pytest.mark.needs("fusermount3")
def test_one_that_has_ended_cannot_be_mounted(tmp_path: Path) -> None:
    own = State(tmp_path / "state", own_repository=name_of(7))
    ago = datetime.now(UTC) - timedelta(days=4)
    repository, keys = embedded.ensure_repository(own, at=ago)
    sign_whitelist(repository, keys, at=ago, valid_days=3)
    previewing.place(own, tmp_path / "previews")

    with (
        serving(tmp_path / "previews" / name_of(7)) as url,
        pytest.raises(UserError, match="expired on"),
        mounted(url, name_of(7), embedded.public_key(own), tmp_path / "mount"),
    ):
        pass


@pytest.mark.needs("nginx")
def test_the_operators_web_server_gives_out_previews_and_nothing_else(tmp_path: Path) -> None:
    own = State(tmp_path / "state", own_repository=name_of(7))
    embedded.ensure_repository(own, at=AT)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)  # root's server becomes another user
        previewing.place(own, root)
        (root / ".previews.lock").touch()
        with nginx(root) as server:
            with open_reader(
                previews.address_of(f"{server}/cvmfs", 7),
                name_of(7),
                embedded.public_key(own),
                tmp_path / "cache",
                at=AT,
            ) as there:
                assert there.revision == 1
            for hidden in ("", ".previews.lock", f"{name_of(7)}/", f"{name_of(7)}/data/"):
                assert requests.get(f"{server}/cvmfs/{hidden}", timeout=10).status_code == 404


def test_nothing_of_its_making_is_left_and_no_private_key(runner: Runner) -> None:
    before = {path.name for path in runner.context.state.iterdir()}

    made = runner.make()

    assert not (runner.state.keys).exists()
    assert {path.name for path in runner.context.state.iterdir()} - before <= {"scratch", "locks"}
    assert list(runner.state.scratch.iterdir()) == []
    left = [path for path in runner.root.rglob("*") if path.is_file()]
    assert not [path for path in left if path.suffix in (".key", ".masterkey", ".crt", ".pgp")]
    assert not [path for path in left for word in OLD_KEYS if word.encode() in path.read_bytes()]
    with reader(made) as there:
        content = [there.read(e.path) for e in there.walk("trust") if not e.is_directory]
    assert content
    assert not [each for each in content for word in OLD_KEYS if word.encode() in each]


def test_another_run_takes_its_place_with_other_keys(runner: Runner) -> None:
    first = runner.make("plotter")

    second = runner.make("drawer")

    assert runner.names() == {name_of(7)}
    assert first.public_key != second.public_key
    with reader(second) as there:
        assert [entry.name for entry in published.entries_of(there)] == ["drawer"]
    old = runner.root / "old.pub"
    old.write_text(first.public_key)
    with pytest.raises(SignatureInvalid):
        open_reader(second.folder, second.fqrn, old, at=AT)


def test_each_merge_request_has_one_of_its_own_until_it_is_stopped(runner: Runner) -> None:
    made = {number: runner.make(number=number) for number in (7, 8)}

    with pytest.raises(WrongRepository):
        open_reader(made[8].folder, name_of(7), made[8].folder / f"{name_of(8)}.pub", at=AT)
    assert previewing.stop(runner.root, 7, at=AT)
    assert runner.names() == {name_of(8)}
    assert not previewing.stop(runner.root, 7, at=AT)
    reader(made[8]).close()


def test_those_that_ended_go_and_nothing_else_does(runner: Runner) -> None:
    short = runner.make(number=7, days=1)
    long = runner.make(number=8, days=10)
    for folder in ("software.pansoft.local", "mr-9", ".mr-9.preview.software.pansoft.local"):
        (runner.root / folder).mkdir()
    (runner.root / f".{name_of(9)}.abc").mkdir()  # of a run that was killed
    (runner.root / f".{name_of(9)}.old.abc" / "was").mkdir(parents=True)

    gone = previewing.prune(runner.root, at=AT + timedelta(days=2))

    assert gone == (short.fqrn,)
    assert runner.names() == {
        *(long.fqrn, "software.pansoft.local", "mr-9"),
        ".mr-9.preview.software.pansoft.local",
    }


def test_one_that_says_it_never_ends_goes_all_the_same(runner: Runner) -> None:
    """The folder belongs to those who run unmerged code: it may say what it likes."""
    made = runner.make()
    whitelist = made.folder / ".cvmfswhitelist"
    lines = whitelist.read_bytes().split(b"\n")
    lines[1] = b"E20991231000000"
    whitelist.write_bytes(b"\n".join(lines))
    now = datetime.now(UTC)

    assert previewing.prune(runner.root, at=now + timedelta(days=29)) == ()
    assert previewing.prune(runner.root, at=now + timedelta(days=31)) == (made.fqrn,)


def test_a_link_in_the_place_of_a_preview_leads_nowhere(runner: Runner, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    runner.root.mkdir()
    (runner.root / name_of(7)).symlink_to(outside)
    (runner.root / name_of(8)).mkdir()
    (runner.root / name_of(8) / ".cvmfswhitelist").symlink_to("/dev/zero")

    assert previewing.prune(runner.root, at=AT) == (name_of(7), name_of(8))
    assert (outside / "kept").exists()


def place_and_die(state: State, root: Path, moment: int) -> int:
    """Put a repository in its place in a process that is killed at its so-many-th change of the folder."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from builder.state import State\n"
        "from pansoft import previewing\n"
        f"root, left = {str(root)!r}, {moment}\n"
        "def watch(event, args):\n"
        "    global left\n"
        "    if event in ('os.rename', 'shutil.copyfile', 'shutil.rmtree'):\n"
        "        left -= 1\n"
        "        if left == 0:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(watch)\n"
        f"previewing.place(State(Path({str(state.folder)!r}), own_repository={name_of(7)!r}), Path(root))\n"
    )
    done = process.run(
        [sys.executable, "-c", script], reason="place and be killed", cwd=ROOT, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def test_killed_at_any_moment_there_is_the_old_one_the_new_one_or_none(tmp_path: Path) -> None:
    root, states = tmp_path / "previews", []
    for name in ("old", "new"):
        states.append(State(tmp_path / name, own_repository=name_of(7)))
        embedded.ensure_repository(states[-1], at=AT)
    keys = [embedded.public_key(state) for state in states]
    seen = set()
    for moment in range(1, 30):
        shutil.rmtree(root, ignore_errors=True)
        previewing.place(states[0], root)
        status = place_and_die(states[1], root, moment)

        there = root / name_of(7)
        found = [number for number, key in enumerate(keys) if there.exists() and opens(there, key)]
        assert len(found) == there.exists()
        seen.add(tuple(found))
        previewing.prune(root, at=AT)
        assert {path.name for path in root.iterdir()} <= {name_of(7), ".previews.lock"}
        if status == 0:
            break
    else:
        pytest.fail("it was never done")
    assert seen == {(0,), (), (1,)}


def opens(folder: Path, key: Path) -> bool:
    try:
        with open_reader(folder, name_of(7), key, at=AT) as there:
            return check_repository(there).is_sound
    except SignatureInvalid:
        return False


def test_a_job_that_is_cancelled_leaves_no_key(runner: Runner, tmp_path: Path) -> None:
    context, output = runner.context, tmp_path / "output"
    running = process.start(
        [
            *(
                sys.executable,
                "-m",
                "pansoft",
                "--project",
                context.project,
                "--state",
                context.state,
            ),
            *("ci", "preview", "plotter", "--merge-request", "7", "--output", output),
        ],
        reason="preview",
        cwd=ROOT,
    )
    while not list(context.state.glob("scratch/build-*/state/keys/repository/*.masterkey")):
        assert running.poll() is None

    running.send_signal(signal.SIGTERM)

    assert running.wait(60) == 128 + signal.SIGTERM
    assert list(runner.state.scratch.iterdir()) == []
    assert not (output / name_of(7)).exists()


def test_the_settings_of_the_site_are_not_for_previews(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, bucket = tmp_path / "site.yaml", tmp_path / "elsewhere"
    site.write_text(f"schema: 1\nrepository:\n  storage: {bucket}\n")
    monkeypatch.setenv("PANSOFT_SITE", str(site))

    made = runner.make()

    assert not bucket.exists()
    reader(made).close()


def test_a_federation_of_the_project_is_not_repeated(runner: Runner) -> None:
    """It takes keys of the facility to say something in it, which no job of a merge request has."""
    federation = runner.context.policy / "federation.yaml"
    federation.write_text("schema: 1\nnamespace: facility\nrole: founder\n")

    with reader(runner.make()) as there:
        assert there.lookup("trust/federation") is None
        assert there.lookup("trust/policy.yaml") is not None


def test_an_image_other_than_the_jobs_before_showed_is_not_published(runner: Runner) -> None:
    [recipe] = runner.recipes("plotter")
    plan = workspace.plan_of(runner.context, recipe).id
    note = PackageNote(
        "plotter", "5.4.4", Standing.READY, key="plotter", plan=plan, sha256="0" * 64
    )

    with pytest.raises(UserError, match="showed another image of this plan"):
        runner.make(shown=shown_by([note]))

    assert not runner.root.exists()


@pytest.mark.parametrize("right", [Redistribution.PARTNERS, Redistribution.FORBIDDEN])
def test_what_not_everybody_may_have_is_in_no_preview(
    runner: Runner, right: Redistribution
) -> None:
    [recipe] = runner.recipes("plotter")
    given = replace(recipe, license=replace(recipe.license, redistribution=right))

    with pytest.raises(UserError, match="plotter cannot be in a preview"):
        previewing.make(runner.context, [given], runner.root, number=7, days=3, at=AT)


def test_what_the_policy_refuses_is_in_no_preview(runner: Runner) -> None:
    policy = runner.context.policy / "policy.yaml"
    policy.write_text(policy.read_text().replace("    - BSD-3-Clause\n", "", 1))
    licence = runner.recipes("plotter")[0].license.spdx

    if licence != "BSD-3-Clause":
        policy.write_text(policy.read_text().replace(f"    - {licence}\n", "", 1))
    with pytest.raises(Refused, match="licence"):
        runner.make()

    assert not runner.root.exists()


def test_one_that_is_too_large_is_not_left(runner: Runner) -> None:
    with pytest.raises(UserError, match=r"and may have 10\.0 kB"):
        runner.make(most=10_000)

    assert not runner.root.exists()


def test_the_command_leaves_it_among_the_artifacts(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = "https://gitlab.example.org/pan/recipes/-/jobs/9"
    monkeypatch.setenv("CI_JOB_URL", job)
    monkeypatch.setenv("CI_MERGE_REQUEST_IID", "12")
    output = tmp_path / "output"

    assert runner.invoke("plotter", "--output", str(output)) == 0

    told = previews.read(output)
    assert told is not None
    assert (told.url, told.link) == (None, f"{job}/artifacts/download")
    assert f"PREVIEW_URL={job}/artifacts/browse\n" in (output / previews.VARIABLES).read_text()
    key = output / f"{name_of(12)}.pub"
    open_reader(output / name_of(12), name_of(12), key, at=datetime.now(UTC)).close()


def test_the_command_says_what_it_did(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web = ("--root", str(runner.root), "--url", "http://preview.example.org/cvmfs")
    output = ("--output", str(tmp_path / "output"))

    assert runner.invoke("plotter", "--merge-request", "7", *web, *output, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert runner.invoke("--stop", "--merge-request", "7", *web) == 0
    stopped = capsys.readouterr().out
    assert runner.invoke("--stop", "--merge-request", "7", *web) == 0
    again = capsys.readouterr().out
    assert runner.invoke("--prune", *web) == 0

    assert (told["name"], told["packages"]) == (name_of(7), ["plotter"])
    assert told["bytes"] > 10_000
    assert stopped == f"{name_of(7)} is removed\n"
    assert again == f"{name_of(7)} is not in {runner.root}\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "it takes either NAMES, --stop or --prune"),
        (("plotter", "--stop"), "it takes either NAMES, --stop or --prune"),
        (("plotter",), "which merge request this is about"),
        (("--stop",), "which merge request this is about"),
        (("plotter", "--merge-request", "7", "--root", "."), "no PANSOFT_PREVIEW_URL"),
        (("plotter", "--merge-request", "7", "--url", "http://x"), "no PANSOFT_PREVIEW_ROOT"),
        (("plotter", "--merge-request", "7", "--root", ".", "--url", "x"), "is not the address"),
        (("nothing", "--merge-request", "7"), "there is no recipe named"),
        (("plotter", "--merge-request", "../7"), "--merge-request"),
        (("plotter", "--merge-request", "7", "--days", "31"), "--days"),
    ],
)
def test_the_command_refuses(
    runner: Runner,
    arguments: tuple[str, ...],
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith(("CI_", "PANSOFT_PREVIEW"))]:
        monkeypatch.delenv(name)

    assert runner.invoke(*arguments) == 2

    assert why in capsys.readouterr().err


def test_of_what_the_jobs_before_could_not_make_there_is_no_preview(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = (
        PackageNote("plotter", "5.4.4", Standing.READY, key="plotter"),
        PackageNote("drawer", "5.4.4", Standing.FAILED, key="drawer"),
    )
    reports, output = tmp_path / "reports", tmp_path / "output"
    options = ("--merge-request", "7", "--shown", str(reports), "--output", str(output))

    assert runner.invoke("plotter", "drawer", *options) == 0  # no job before left anything
    assert "no preview: none of plotter, drawer is ready" in capsys.readouterr().err
    assert not output.exists()
    (reports / "all").mkdir(parents=True)
    (reports / "all" / kept.FILE).write_bytes(kept.keep(notes))
    assert runner.invoke("plotter", "drawer", *options) == 0
    told = previews.read(output)

    assert told is not None
    assert told.packages == ("plotter",)


def test_packages_json_tells_of_the_preview(runner: Runner) -> None:
    told = previews.Preview(
        name_of(7), None, None, runner.make().public_key, "2026-11-26T22:00:00Z", ("plotter",)
    )

    assert kept.parse(kept.keep([], told), whence="here").preview == told
