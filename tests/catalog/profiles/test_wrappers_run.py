# SPDX-License-Identifier: BSD-3-Clause
"""The wrappers and the launcher with genuine Apptainer: as if the program were installed here."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import process
from core.errors import EXIT_BUG
from tests.catalog.conftest import Mounted

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "ldd")

ALL_KINDS_OF_WORDS = [
    "",
    "two words",
    "it's",
    '"double"',
    "new\nline",
    "$HOME",
    "`id`",
    "\\",
    "-x",
    "ä*?",
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give an empty folder that everybody may use."""
    with tempfile.TemporaryDirectory(prefix="here ", dir="/var/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_a_wrapper_runs_the_program_of_the_image_and_says_nothing_else(mounted: Mounted) -> None:
    done = mounted.run([mounted.channel / "bin" / "tiny-here"])

    assert (done.returncode, done.stdout, done.stderr) == (0, "from the image\n", "")


def test_arguments_arrive_as_they_were_given(mounted: Mounted) -> None:
    done = mounted.run([mounted.channel / "bin" / "tiny-words", *ALL_KINDS_OF_WORDS])

    assert done.stdout == "".join(f"<{word}>\n" for word in ["it's first", *ALL_KINDS_OF_WORDS])


def test_standard_input_and_both_outputs_are_the_programs(mounted: Mounted) -> None:
    done = mounted.tiny("cat; echo talk >&2", stdin="one\ntwo\n")

    assert (done.stdout, done.stderr) == ("one\ntwo\n", "talk\n")


@pytest.mark.parametrize("status", [0, 1, 3, 127, 255])
def test_the_exit_status_is_the_programs(mounted: Mounted, status: int) -> None:
    assert mounted.tiny(f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_reaches_the_program(
    mounted: Mounted, folder: Path, number: signal.Signals
) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got >got; exit 9' {name}; echo up >up; while :; do sleep 0.1; done"
    wrapper = mounted.channel / "bin" / "tiny-sh"
    running = process.start([wrapper, "-c", script], reason="be signalled", cwd=folder)

    _wait_for(folder / "up")
    running.send_signal(number)

    assert running.wait(20) == 9
    assert (folder / "got").read_text() == "got\n"


def test_a_program_killed_by_a_signal_ends_the_wrapper_the_same_way(mounted: Mounted) -> None:
    assert mounted.tiny("kill -TERM $$").returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)


def test_the_working_folder_is_seen_wherever_it_is(mounted: Mounted, folder: Path) -> None:
    odd = folder / 'a,b:c "q"'
    odd.mkdir()

    done = mounted.tiny("pwd; echo made >made", cwd=odd)

    assert (done.stdout, done.stderr) == (f"{odd}\n", "")
    assert (odd / "made").read_text() == "made\n"


def test_a_top_folder_is_seen_with_the_folders_beside_the_working_one(mounted: Mounted) -> None:
    try:
        top = Path(tempfile.mkdtemp(prefix="pansoft-test-", dir="/"))
    except OSError:
        pytest.skip("this user may not make a folder in /")
    try:
        top.chmod(0o755)
        (top / "run").mkdir()
        (top / "data").write_text("beside\n")

        beside = mounted.tiny("cat ../data", cwd=top / "run")
        from_home = mounted.tiny(f"cat {top}/data")
        only_named = mounted.tiny(f"cat {top}/data", env={"PANSOFT_FOLDERS": "srv"})

        assert beside.stdout == from_home.stdout == "beside\n"
        assert only_named.returncode != 0
    finally:
        shutil.rmtree(top)


def test_a_folder_of_the_system_does_not_hide_the_images(mounted: Mounted) -> None:
    done = mounted.tiny("pwd", cwd=Path("/usr/lib"))

    assert (done.returncode, done.stdout) == (0, "/\n")
    assert done.stderr == "pansoft: sh cannot see the folder /usr/lib, which is the system's\n"


def test_the_root_folder_is_no_reason_to_talk(mounted: Mounted) -> None:
    done = mounted.tiny("pwd", cwd=Path("/"))

    assert (done.stdout, done.stderr) == ("/\n", "")


def test_home_and_tmp_are_the_hosts(mounted: Mounted) -> None:
    home = mounted.root.parent / "home"
    (home / "note").write_text("mine\n")
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as file:
        file.write("shared\n")
        file.flush()

        done = mounted.tiny(f'cat "$HOME/note" {file.name}')

    assert done.stdout == "mine\nshared\n"


def test_what_misleads_the_program_is_left_outside(mounted: Mounted) -> None:
    misleading = {
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "LD_LIBRARY_PATH": "/x",
        "PERL5LIB": "/x",
        "R_LIBS": "/x",
        "BASH_ENV": "/x",
        "XDG_DATA_DIRS": "/x",
        "APPTAINERENV_PREPEND_PATH": "/x",
        "SINGULARITYENV_PATH": "/x",
    }

    done = mounted.tiny("env", env=misleading)

    assert "/x" not in done.stdout
    assert "PYTHONNOUSERSITE=1" in done.stdout.splitlines()


def test_what_the_program_needs_comes_in(mounted: Mounted) -> None:
    wanted = {
        "DISPLAY": ":7",
        "XAUTHORITY": "/tmp/xauth",
        "SLURM_JOB_ID": "42",
        "OMPI_COMM_WORLD_RANK": "1",
        "https_proxy": "http://proxy.example.org:3128",
        "OMP_NUM_THREADS": "4",
        "MY_WORDS": "a 'b' \"c\" $d\ne",
    }

    done = mounted.tiny("env -0", env=wanted)

    seen = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)
    assert {name: seen.get(name) for name in wanted} == wanted


def test_path_is_the_images_own(mounted: Mounted) -> None:
    done = mounted.tiny('echo "$PATH"', env={"PATH": "/home/me/bin:/usr/bin:/bin"})

    assert done.stdout.startswith("/opt/tiny/bin:")
    assert "/home/me/bin" not in done.stdout


def test_a_bare_environment_is_enough(mounted: Mounted) -> None:
    bare = process.run(
        ["/usr/bin/env", "-i", mounted.channel / "bin" / "tiny-here"],
        reason="run it without any environment",
        check=False,
    )

    assert (bare.returncode, bare.stdout, bare.stderr) == (0, "from the image\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("home", [None, "/nonexistent", "/"])
def test_an_ordinary_user_without_a_home_can_run_it(mounted: Mounted, home: str | None) -> None:
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    variables = ["env", "-i", *([f"HOME={home}"] if home else [])]

    done = mounted.run([*user, *variables, mounted.channel / "bin" / "tiny-here"])

    assert (done.returncode, done.stdout, done.stderr) == (0, "from the image\n", "")


def test_a_link_to_a_wrapper_works(mounted: Mounted, folder: Path) -> None:
    (folder / "my-tiny").symlink_to(mounted.channel / "bin" / "tiny-here")

    done = mounted.run([folder / "my-tiny"], cwd=folder)

    assert done.stdout == "from the image\n"


def test_a_link_to_the_channel_works(mounted: Mounted, folder: Path) -> None:
    (folder / "current").symlink_to(mounted.channel)

    done = mounted.run(["current/bin/tiny-here"], cwd=folder)

    assert done.stdout == "from the image\n"


def test_a_wrapper_handed_to_a_shell_works(mounted: Mounted) -> None:
    done = mounted.run(["sh", "tiny-here"], cwd=mounted.channel / "bin")

    assert done.stdout == "from the image\n"


def test_a_site_may_show_more_and_give_options(mounted: Mounted, folder: Path) -> None:
    (folder / "data").write_text("shown\n")
    hooks = {"PANSOFT_BIND": f"{folder}:/beamline", "PANSOFT_OPTS": "--env ONE=1 --env TWO=2"}

    done = mounted.tiny('cat /beamline/data; echo "$ONE$TWO"', env=hooks)

    assert done.stdout == "shown\n12\n"


def test_debugging_shows_the_command(mounted: Mounted) -> None:
    done = mounted.run([mounted.channel / "bin" / "tiny-here"], env={"PANSOFT_DEBUG": "1"})

    assert "+ exec apptainer exec" in done.stderr


def test_without_apptainer_it_says_so(mounted: Mounted, folder: Path) -> None:
    wrapper, launcher = (mounted.channel / p for p in ("bin/tiny-here", "libexec/pansoft-run"))
    for name in ("id", "sh", "readlink"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    text = (
        launcher.read_text().replace("/usr/bin/apptainer", "/nowhere").replace("/usr/local", "/no")
    )
    for source, target in ((wrapper.read_text(), "bin/tiny-here"), (text, "libexec/pansoft-run")):
        copy = folder / "testing" / target
        copy.parent.mkdir(parents=True)
        copy.write_text(source)
        copy.chmod(0o755)

    done = mounted.run([folder / "testing/bin/tiny-here"], env={"PATH": str(folder)})

    assert done.returncode == 127
    assert done.stderr.startswith(
        "pansoft: tiny-here needs Apptainer, which is not on this machine"
    )


def test_without_the_image_it_says_so(mounted: Mounted, folder: Path) -> None:
    shutil.copytree(mounted.channel, folder / "testing")

    done = mounted.run([folder / "testing/bin/tiny-here"])

    assert done.returncode == 127
    assert done.stderr == (
        f"pansoft: tiny-here cannot start: the image {folder}/images/tiny/1.0/tiny.sif is not there "
        "or not readable; is the repository mounted?\n"
    )


def test_inside_its_own_image_a_wrapper_runs_the_program_directly(mounted: Mounted) -> None:
    bin_folder = mounted.channel / "bin"

    done = mounted.tiny(
        'PATH="$1:$PATH"; tiny-here', str(bin_folder), env={"PANSOFT_BIND": str(mounted.root)}
    )

    assert (done.stdout, done.stderr) == ("from the image\n", "")


def test_inside_another_image_it_says_why_not(mounted: Mounted) -> None:
    script = 'APPTAINER_CONTAINER=/other.sif; export APPTAINER_CONTAINER; exec "$1"'

    done = mounted.tiny(
        script, str(mounted.channel / "bin/tiny-here"), env={"PANSOFT_BIND": str(mounted.root)}
    )

    assert done.returncode == 127
    assert done.stderr == (
        "pansoft: tiny-here cannot start inside the container /other.sif: leave that first\n"
    )


def test_the_kernels_launcher_is_where_the_kernel_says(mounted: Mounted) -> None:
    resources = mounted.channel / "share/jupyter/kernels/tiny"
    launcher = f"{resources}/../../../../libexec/pansoft-run"

    done = mounted.run(
        [launcher, "images/tiny/1.0/tiny.sif", "none", "/bin/sh", "-c", "echo kernel"]
    )

    assert done.stdout == "kernel\n"


def test_the_launcher_wants_an_image_and_a_program(mounted: Mounted) -> None:
    done = mounted.run([mounted.channel / "libexec/pansoft-run"])

    assert done.returncode not in (0, EXIT_BUG)
    assert done.stderr == "pansoft: usage: pansoft-run IMAGE GPU PROGRAM [ARGUMENT...]\n"


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} does not appear"
        time.sleep(0.05)
