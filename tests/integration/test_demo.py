# SPDX-License-Identifier: BSD-3-Clause
"""The whole way, on real tools: what the demo leaves behind, looked at as a user would."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from builder.images.build_user import build_user
from core import process
from core.process import Completed
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import mounted
from pansoft.demo import PACKAGES
from pansoft.embedded import FQRN
from tests.integration.program import ROOT, Demo, copy_of, pansoft

pytestmark = pytest.mark.needs("apptainer", "fusermount3", "mmdebstrap", "mksquashfs")

EVERY = {name: (ROOT / "recipes" / name / "recipe.yaml").read_text("utf-8") for name in PACKAGES}
HELD = sorted(name for name, text in EVERY.items() if "\ninstall: site\n" in text)
RECIPES = sorted(EVERY.keys() - set(HELD))


def flip_byte(file: Path, offset: int) -> None:
    """Change one byte of a file, in a copy of its own."""
    content = bytearray(file.read_bytes())
    content[offset] ^= 0xFF
    mode = file.stat().st_mode
    file.unlink()
    file.write_bytes(content)
    file.chmod(mode)


@pytest.fixture(scope="module")
def mount(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where the demo's repository is mounted, by HTTP and with the public key only."""
    folder = tmp_path_factory.mktemp("partner")
    key = demo.state / "keys" / "repository" / f"{FQRN}.pub"
    with (
        serving(demo.state / "repository") as url,
        mounted(url, FQRN, key, folder / "mounted software", cache=folder / "cache") as mountpoint,
    ):
        yield mountpoint


def in_shell(mount: Path, script: str, *, cwd: Path, stdin: str = "") -> Completed:
    """Source the setup of a mount and run a script, as a user's shell does."""
    return process.run(
        ["sh", "-c", f'. "$1/testing/setup.sh"\n{script}', "sh", mount],
        reason="run from the mount",
        cwd=cwd,
        stdin=stdin,
        check=False,
    )


def test_every_recipe_is_built_tested_signed_and_published(demo: Demo) -> None:
    listed = pansoft("plan", "--json", *PACKAGES, state=demo.state)

    status = {item["name"]: item["status"] for item in json.loads(listed.stdout)}
    assert status == dict.fromkeys(RECIPES, "published") | dict.fromkeys(HELD, "site")
    assert len(RECIPES) >= 14


def test_the_demo_shows_three_commands_run_from_the_mount(demo: Demo) -> None:
    lines = [line for line in demo.run.stdout.splitlines() if line.startswith("$ ")]

    assert len(lines) == 3
    assert "h5dump: Version 1.10.8" in demo.run.stdout
    assert "repository sound" in demo.run.stdout


def test_a_second_demo_finds_nothing_to_do(demo: Demo) -> None:
    again = pansoft("demo", state=demo.state)

    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout
    assert "built" not in again.stderr


def test_a_plan_is_explained_by_what_is_published(demo: Demo) -> None:
    done = pansoft("plan", "--why", "hdf5-tools", state=demo.state)

    assert done.returncode == 0, done.stderr
    assert "published, published on" in done.stdout
    assert re.search(r"  published  1\.[\d.]+ in testing on 20\S+, plan [0-9a-f]{12}", done.stdout)
    assert "since then" not in done.stdout


def test_building_a_built_plan_does_nothing_and_says_so(demo: Demo) -> None:
    done = pansoft("build", "hdf5-tools", state=demo.state)

    assert done.returncode == 0
    assert "was built already, nothing to do" in done.stdout


@pytest.mark.parametrize("name", RECIPES)
def test_every_published_image_verifies_on_the_mount(demo: Demo, mount: Path, name: str) -> None:
    (version,) = (path for path in (mount / "images" / name).iterdir() if path.is_dir())

    done = pansoft("verify", version, state=demo.state)

    assert done.returncode == 0, done.stderr
    assert f"{name} {version.name}: accepted" in done.stdout


def test_the_tests_of_a_package_that_its_base_has_fail_without_it(demo: Demo) -> None:
    """The recipe `h5py` adds nothing to its base: there its Python package is hidden."""
    done = pansoft("test", "h5py", "--prove", "--json", state=demo.state)

    [proof] = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert proof["holds"]
    assert proof["way"] == "the base debian-12-science without h5py"


@pytest.mark.parametrize("offset", [0, 40, 100, 4200, 30000, 32200, 33000, 1_000_000, -1])
def test_an_image_with_one_changed_byte_is_refused(demo: Demo, tmp_path: Path, offset: int) -> None:
    signed = next(folder for folder in (demo.state / "signed").iterdir() if _is(folder, "mcpl"))
    copy = tmp_path / "mcpl"
    shutil.copytree(signed, copy)
    flip_byte(copy / "mcpl.sif", offset)

    done = pansoft("verify", copy, state=demo.state)

    assert done.returncode == 3
    assert "mcpl.sif" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_repository_is_sound(demo: Demo) -> None:
    done = pansoft("repo", "check", state=demo.state)

    assert done.returncode == 0
    assert "sound" in done.stdout


def test_a_repository_with_one_changed_byte_is_refused_naming_the_object(
    demo: Demo, tmp_path: Path
) -> None:
    state = copy_of(demo.state, tmp_path / "state")
    victim = max(
        (path for path in (state / "repository" / "data").rglob("*") if path.is_file()),
        key=lambda path: path.stat().st_size,
    )
    flip_byte(victim, 4711)

    done = pansoft("repo", "check", state=state)

    assert done.returncode == 3
    assert victim.parent.name + "/" + victim.name in done.stdout + done.stderr


def test_a_command_sees_the_folder_the_input_and_gives_its_status(
    mount: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "numbers.txt").write_text("1 2\n3 4\n", encoding="utf-8")
    script = (
        "h5import numbers.txt -d 2,2 -p /table -t TEXTIN -s 32 -o out.h5 && "
        "h5dump -d /table out.h5; gnuplot -; h5dump missing.h5; echo status $?"
    )

    done = in_shell(mount, script, cwd=tmp_path, stdin="set print '-'\nprint 6*7\n")

    assert "(1,0): 3, 4" in done.stdout
    assert "42" in done.stdout
    assert "status 1" in done.stdout
    assert (tmp_path / "out.h5").is_file()


def test_a_python_package_runs_from_the_mount(mount: Path, tmp_path: Path) -> None:
    script = "gemmi --version && gemmi-python -c 'import gemmi; print(gemmi.SpaceGroup(19).hm)'"

    done = in_shell(mount, script, cwd=Path("/"))

    assert done.returncode == 0, done.stderr
    assert "P 21 21 21" in done.stdout


@pytest.mark.needs("chromium")
def test_the_catalogue_opens_from_the_mount_in_a_browser(mount: Path) -> None:
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=process.which("chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        page = browser.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("requestfailed", lambda request: troubles.append(request.url))
        page.goto((mount / "testing" / "catalog" / "index.html").as_uri())
        everything = page.inner_text("main")
        page.get_by_label("Search").fill("h5dump")
        page.get_by_role("link", name="HDF5 tools", exact=True).click()
        details = page.inner_text("body")
        browser.close()

    assert f"{len(RECIPES)} packages" in everything
    for fact in ("BSD-3-Clause", "1.10.8", "h5dump", "Signed by local demo key"):
        assert fact in details
    assert re.search(r"\b([1-9][0-9]*) of \1 passed", details), details
    assert troubles == []


def test_genuine_apptainer_accepts_the_signature(demo: Demo, mount: Path) -> None:
    image = next((mount / "images" / "gemmi").glob("*/gemmi.sif"))
    key = next((mount / "trust" / "keys").glob("*.asc"))
    user = build_user()
    script = (
        'export APPTAINER_KEYSDIR="$(mktemp -d)"; apptainer key import "$2" && '
        'apptainer verify --local "$1"'
    )

    done = process.run(
        user.command(["sh", "-c", script, "sh", image, key], reach=[mount]),
        reason="verify with Apptainer",
        env=user.environment(HOME="/tmp"),
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Verified signature" in done.stdout + done.stderr


def test_a_base_is_stored_once(demo: Demo) -> None:
    images = sum(path.stat().st_size for path in (demo.state / "signed").glob("*/*.sif"))
    stored = sum(
        path.stat().st_size
        for path in (demo.state / "repository" / "data").rglob("*")
        if path.is_file()
    )

    assert stored < 0.75 * images


def test_the_mount_cannot_be_written_to(mount: Path) -> None:
    with pytest.raises(OSError, match=r"Read-only|Permission"):
        (mount / "testing" / "new").write_text("x", encoding="utf-8")


def test_the_log_of_the_repository_names_what_was_published(demo: Demo) -> None:
    done = pansoft("repo", "log", state=demo.state)

    assert done.returncode == 0
    assert "publish " in done.stdout


def test_the_program_works_without_a_home(demo: Demo) -> None:
    bare = {"PATH": process.SYSTEM_PATH, "LC_ALL": "C.UTF-8"}

    done = pansoft("test", "hdf5-tools", state=demo.state, env=bare)

    assert done.returncode == 0, done.stdout + done.stderr


def test_an_ordinary_user_builds_from_a_read_only_checkout(tmp_path: Path) -> None:
    user = build_user()
    state = user.own(tmp_path / "my state")
    argv: list[str | Path] = [ROOT / ".venv/bin/python", "-m", "pansoft", "--state", state]
    command = user.command([*argv, "apply", "cif2hkl"], reach=[ROOT, state])
    if user.switches:
        read_only = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
        private = ["unshare", "--mount", "--propagation", "private"]
        command = [*private, "sh", "-c", read_only, "sh", str(ROOT), *command]

    done = process.run(
        command,
        reason="apply as an ordinary user",
        env={**os.environ, "HOME": str(state), "USER": user.name},
        cwd=ROOT,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "published 1 package" in done.stdout
    assert all(path.stat().st_uid == user.uid for path in (state / "images").iterdir())


def _is(signed: Path, name: str) -> bool:
    return signed.is_dir() and os.path.exists(signed / f"{name}.sif")  # noqa: PTH110
