# SPDX-License-Identifier: BSD-3-Clause
"""`setup.sh` in real shells: wherever it lies, however often, however strict the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes.recipe import Channel
from catalog.profiles import profiles_for
from core import process
from tests.catalog import samples

SHELLS = [
    pytest.param(["bash", "--norc"], marks=pytest.mark.needs("bash"), id="bash"),
    pytest.param(["bash", "--posix"], marks=pytest.mark.needs("bash"), id="bash as sh"),
    pytest.param(["dash"], marks=pytest.mark.needs("dash"), id="dash"),
    pytest.param(["zsh", "-f"], marks=pytest.mark.needs("zsh"), id="zsh"),
    pytest.param(["busybox", "sh"], marks=pytest.mark.needs("busybox"), id="busybox"),
]
SHOW = 'echo "$PATH|${XDG_DATA_DIRS-}|${JUPYTER_PATH-}|${MODULEPATH-}"'


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """Give a channel, all of its files written, below a folder with a space and an odd name."""
    root = tmp_path / "a mount's [point]"
    for path, file in profiles_for(
        [samples.pyfai()], Channel.TESTING, fqrn=samples.FQRN
    ).files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    return root / "testing"


def sh(
    shell: list[str], script: str, *arguments: object, cwd: Path | None = None
) -> process.Completed:
    """Run a script that must talk to nobody; its arguments are `$1` and so on."""
    return process.run(
        [*shell, "-c", script, "script", *map(str, arguments)],
        reason="source setup.sh",
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        cwd=cwd,
        check=False,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_programs_menus_and_kernels_are_found(shell: list[str], channel: Path) -> None:
    done = sh(shell, f'. "$1/setup.sh"; {SHOW}; command -v pyFAI-integrate', channel)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{channel}/bin:/usr/bin:/bin|{channel}/share:/usr/local/share:/usr/share|"
        f"{channel}/share/jupyter|\n{channel}/bin/pyFAI-integrate\n"
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_sourced_twice_equals_sourced_once(shell: list[str], channel: Path) -> None:
    once = sh(shell, f'. "$1/setup.sh"; {SHOW}', channel)
    twice = sh(shell, f'. "$1/setup.sh"; . "$1/setup.sh"; {SHOW}', channel)

    assert once.stdout == twice.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_a_strict_shell_goes_on(shell: list[str], channel: Path) -> None:
    done = sh(shell, 'set -eu; unset MODULEPATH XDG_DATA_DIRS; . "$1/setup.sh"; echo on', channel)

    assert (done.returncode, done.stdout, done.stderr) == (0, "on\n", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_but_the_four_variables_is_left_behind(shell: list[str], channel: Path) -> None:
    done = sh(
        shell, '. "$1/setup.sh"; set | grep -a -i "^_\\{0,1\\}pansoft" || echo clean', channel
    )

    assert done.stdout == "clean\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_what_was_set_before_stays_behind_it(shell: list[str], channel: Path) -> None:
    before = (
        "PATH=/mine:$PATH; XDG_DATA_DIRS=/x; JUPYTER_PATH=/j; export XDG_DATA_DIRS JUPYTER_PATH"
    )

    done = sh(shell, f'{before}; . "$1/setup.sh"; {SHOW}', channel)

    assert done.stdout == (
        f"{channel}/bin:/mine:/usr/bin:/bin|{channel}/share:/x|{channel}/share/jupyter:/j|\n"
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_modules_are_found_where_the_channel_has_some(shell: list[str], channel: Path) -> None:
    (channel / "modules").mkdir()

    done = sh(shell, '. "$1/setup.sh"; sh -c \'echo "$MODULEPATH"\'', channel)

    assert done.stdout == f"{channel}/modules\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("place", ["./setup.sh", "../testing/setup.sh"])
def test_a_relative_path_will_do(shell: list[str], channel: Path, place: str) -> None:
    done = sh(shell, '. "$1"; echo "$PATH"', place, cwd=channel)

    assert done.stdout == f"{channel}/bin:/usr/bin:/bin\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_link_from_elsewhere_is_followed(shell: list[str], channel: Path, tmp_path: Path) -> None:
    (tmp_path / "pansoft.sh").symlink_to(channel / "setup.sh")

    done = sh(shell, '. "$1"; echo "$PATH"', tmp_path / "pansoft.sh")

    assert done.stdout == f"{channel}/bin:/usr/bin:/bin\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_it_works_from_within_a_function_and_a_file(
    shell: list[str], channel: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    profile.write_text(f'load() {{ . "{channel}/setup.sh"; }}\nload\n')

    done = sh(shell, '. "$1"; echo "$PATH"', profile)

    assert done.stdout == f"{channel}/bin:/usr/bin:/bin\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_place_that_path_cannot_hold_is_refused(
    shell: list[str], channel: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "a:b" / "testing"
    odd.parent.mkdir()
    channel.rename(odd)

    done = sh(shell, '. "$1/setup.sh" || echo "status $?"; echo "$PATH"', odd)

    assert done.stdout == "status 1\n/usr/bin:/bin\n"
    assert done.stderr == (
        f"pansoft: PATH cannot hold {odd}: mount the repository where there is no colon\n"
    )


def test_no_placeholder_is_left(channel: Path) -> None:
    text = (channel / "setup.sh").read_text()

    assert "@" not in text.replace("$@", "")
    assert f"/cvmfs/{samples.FQRN}/testing/setup.sh" in text
