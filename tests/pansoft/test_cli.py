# SPDX-License-Identifier: BSD-3-Clause
"""The command line's contract: what is said where, and the exit codes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from core.errors import EXIT_BUG, EXIT_REFUSED, EXIT_USER, InvalidInput, Refused, UserError
from core.problems import Position, Problem
from pansoft import cli
from pansoft.commands import VERBS, Verbs

ROOT = Path(__file__).parents[2]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command line of a group, without arguments."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = sorted(commands(cli.cli))


def said(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    status = cli.invoke([str(part) for part in argv])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Return a list whose one exception is what `pansoft plan` raises."""
    raised: list[BaseException] = []

    @click.command()
    def command() -> None:
        raise raised[0]

    monkeypatch.setattr(Verbs, "get_command", lambda *_: command)
    return raised


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capsys, *command, "--help")

    assert status == 0
    assert err == ""
    assert f"Example: pansoft {' '.join(command)}" in " ".join(out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_help_lists_every_verb_with_a_sentence(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = said(capsys, "--help")

    [line] = [line for line in out.splitlines() if line.startswith(f"  {verb} ")]
    assert len(line.split()) > 2


def test_help_lists_the_verbs_in_the_order_of_the_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = said(capsys, "--help")

    listed = [
        line.split()[0] for line in out.split("Commands:\n")[1].splitlines() if line[2:3] != " "
    ]
    assert listed == list(VERBS)


def test_an_unknown_verb_is_the_users_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "frobnicate")

    assert (status, out) == (EXIT_USER, "")
    assert "No such command 'frobnicate'" in err


def test_a_missing_argument_is_the_users_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = said(capsys, "build")

    assert status == EXIT_USER
    assert "Missing argument 'NAMES...'" in err


def test_a_wrong_name_is_answered_with_the_near_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, err = said(capsys, "--state", tmp_path, "plan", "hdf5-tool")

    assert (status, out) == (EXIT_USER, "")
    assert err == "error: there is no recipe named 'hdf5-tool'\nhint: did you mean hdf5-tools?\n"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UserError("it is wrong", hint="mend it"), 2, "error: it is wrong\nhint: mend it\n"),
        (UserError("it is wrong"), EXIT_USER, "error: it is wrong\n"),
        (Refused("the policy says no"), EXIT_REFUSED, "error: the policy says no\n"),
        (KeyboardInterrupt(), 130, "\nstopped; run the same command again to go on\n"),
    ],
    ids=["with a hint", "without", "refused", "interrupted"],
)
def test_an_error_ends_in_words_and_its_exit_code(
    broken: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    text: str,
) -> None:
    broken.append(error)

    assert said(capsys, "plan") == (status, "", text)


def test_faults_in_files_are_shown_with_their_place(
    broken: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    where = Position(Path("recipes/x/recipe.yaml"), 3, 7)
    broken.append(InvalidInput([Problem(where, "no-field", "is missing", hint="add it")]))

    status, out, err = said(capsys, "plan")

    assert (status, out) == (EXIT_USER, "")
    assert err.startswith("recipes/x/recipe.yaml:3:7: no-field: is missing\n")
    assert "add it" in err


def test_our_own_bug_shows_its_traceback(broken: list[BaseException]) -> None:
    broken.append(ZeroDivisionError("ours"))

    with pytest.raises(ZeroDivisionError):  # which Python ends with a traceback and status 1
        cli.invoke(["plan"])

    assert EXIT_BUG == 1


def test_outside_of_a_project_its_own_recipes_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    status, out, _ = said(capsys, "--state", tmp_path / "state", "plan", "hdf5-tools")

    assert status == 0
    assert out.startswith("new        hdf5-tools 1.10.8 ")


def test_a_project_without_recipes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = said(capsys, "--project", tmp_path, "plan")

    assert status == EXIT_USER
    assert err == (
        f"error: {tmp_path} holds no recipes/ folder\nhint: name a checkout with --project DIR\n"
    )


def test_a_state_that_cannot_be_made_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()

    status, _, err = said(capsys, "--state", tmp_path / "file" / "state", "fetch", "hdf5-tools")

    assert status == EXIT_USER
    assert "cannot be written to: Not a directory" in err
    assert "hint: keep the state somewhere else: pansoft --state DIR" in err


def test_planning_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"

    status, _, _ = said(capsys, "--state", state, "plan")

    assert status == 0
    assert not state.exists()


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"

    status, out, _ = said(capsys, "--state", state, "apply", "--dry-run", "hdf5-tools")

    assert status == 0
    assert "1 of 1 packages to bring along" in out
    assert "then, to publish:" in out
    assert not state.exists()


def in_a_process(script: str, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *argv], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_planning_does_not_wait_for_what_builds_need(tmp_path: Path) -> None:
    script = (
        "import sys; from pansoft.cli import invoke; status = invoke(sys.argv[1:]);"
        "slow = {'git', 'requests', 'builder.images.build', 'catalog.render', 'jinja2', 'pypi_simple'};"
        "print(status, sorted(slow & sys.modules.keys()))"
    )

    done = in_a_process(script, "--state", str(tmp_path), "plan", "hdf5-tools")

    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_applying_does_not_wait_for_what_reads_branches() -> None:
    script = "import sys; import pansoft.commands.apply; print('git' in sys.modules)"

    done = in_a_process(script)

    assert done.stdout == "False\n", done.stderr


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pansoft", "schema"],
            cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_written_can_be_read_by_the_build_user_whatever_the_umask(tmp_path: Path) -> None:
    script = (
        "import os, sys; os.umask(0o077); from pansoft.cli import main;"
        "main(['--state', sys.argv[1], 'repo', 'init'])"
    )

    done = in_a_process(script, str(tmp_path / "state"))

    assert done.returncode == 0, done.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert modes["repository"] == 0o755
    secrets = [path for path in (tmp_path / "state" / "keys").rglob("*key") if path.is_file()]
    assert secrets
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    assert {path.parent.stat().st_mode & 0o777 for path in secrets} == {0o700}


def test_quiet_is_quiet_and_the_answer_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capsys, "--quiet", "--state", tmp_path, "check", "hdf5-tools")

    assert (status, err) == (0, "")
    assert "error" not in out


def test_a_full_disk_is_said_in_words_whatever_was_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "gone" / "file"))

    monkeypatch.setattr(cli.cli, "main", full)

    status, _, talk = said(capsys, "fetch")

    assert status == EXIT_USER
    assert talk.startswith("error: the disk is full: ")
    assert "pansoft cache status" in talk
