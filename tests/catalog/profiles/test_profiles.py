# SPDX-License-Identifier: BSD-3-Clause
"""The files of a channel: which there are, their whole texts, and what a hostile recipe achieves."""

from __future__ import annotations

import configparser
import json
from dataclasses import replace
from pathlib import Path

import pytest

from builder.recipes.recipe import Channel, Command, Desktop, Runtime
from catalog.entry import PublishedImage, PublishedTree, manifest_path
from catalog.profiles import Conflict, in_words, profiles_for
from catalog.profiles.desktop import desktop_entry
from core import process
from tests.catalog import samples
from tests.catalog.golden import same_as_golden

FILES = profiles_for(samples.everything(), Channel.TESTING, fqrn=samples.FQRN).files


def test_a_channel_has_these_files() -> None:
    assert {path: oct(file.mode) for path, file in FILES.items()} == {
        "testing/bin/h5dump": "0o755",
        "testing/bin/h5ls": "0o755",
        "testing/bin/pyFAI-integrate": "0o755",
        "testing/bin/pyfai-python": "0o755",
        "testing/bin/zz": "0o755",
        "testing/libexec/pansoft-run": "0o755",
        "testing/setup.sh": "0o644",
        "testing/share/applications/pansoft-pyfai.desktop": "0o644",
        "testing/share/applications/pansoft-zz-hostile.desktop": "0o644",
        "testing/share/jupyter/kernels/pyfai/kernel.json": "0o644",
        "testing/share/jupyter/kernels/zz-hostile/kernel.json": "0o644",
    }


@pytest.mark.parametrize(
    "path",
    [
        "testing/bin/pyfai-python",
        "testing/bin/zz",
        "testing/setup.sh",
        "testing/share/applications/pansoft-pyfai.desktop",
        "testing/share/applications/pansoft-zz-hostile.desktop",
        "testing/share/jupyter/kernels/pyfai/kernel.json",
    ],
)
def test_a_file_is_the_golden_one(path: str) -> None:
    assert same_as_golden(path, FILES[path].content)


def test_another_channel_has_its_own_packages_only() -> None:
    files = profiles_for(samples.everything(), Channel.STABLE, fqrn=samples.FQRN).files

    assert list(files) == ["stable/bin/phaser", "stable/libexec/pansoft-run", "stable/setup.sh"]
    assert b" required phaser " in files["stable/bin/phaser"].content


def test_an_empty_channel_can_be_sourced() -> None:
    files = profiles_for([], Channel.TESTING, fqrn=samples.FQRN).files

    assert list(files) == ["testing/libexec/pansoft-run", "testing/setup.sh"]


def test_of_a_package_the_version_published_last_is_offered() -> None:
    old = samples.entry(version="1.8", published="2025-01-01T00:00:00Z")

    profiles = profiles_for([samples.entry(), old], Channel.TESTING, fqrn=samples.FQRN)

    assert b"images/hdf5-tools/1.10.8/" in profiles.files["testing/bin/h5dump"].content
    assert profiles.conflicts == ()


def test_a_command_of_two_packages_goes_to_the_later_and_is_reported() -> None:
    other = samples.entry("hdf5-next", "2.0", commands=(Command("h5dump", ("h5dump",)),))

    profiles = profiles_for([samples.entry(), other], Channel.TESTING, fqrn=samples.FQRN)

    assert b"images/hdf5-next/2.0/" in profiles.files["testing/bin/h5dump"].content
    assert profiles.conflicts == (Conflict("h5dump", "hdf5-next", ("hdf5-tools",)),)
    assert str(profiles.conflicts[0]) == (
        "command 'h5dump' is in hdf5-tools and in hdf5-next; the channel offers that of hdf5-next"
    )


def test_a_suite_gives_way_to_a_package_of_its_own() -> None:
    signed = manifest_path("zz-suite", "1.0")
    suite = samples.entry(
        "zz-suite",
        "1.0",
        image=PublishedImage(signed, "a1" * 32, 400_000, 0),
        tree=PublishedTree(signed, "a1" * 32, 400_000, 5000, 3_000_000_000),
    )

    profiles = profiles_for([samples.entry(), suite], Channel.TESTING, fqrn=samples.FQRN)

    assert b"images/hdf5-tools/" in profiles.files["testing/bin/h5dump"].content
    assert [conflict.losers for conflict in profiles.conflicts] == [("zz-suite",)] * 2


def test_many_conflicts_of_one_package_are_told_in_one_sentence() -> None:
    few = [Conflict(name, "viewer", ("plotter",)) for name in "abc"]
    many = [Conflict(name, winner, ("suite",)) for name, winner in zip("abcd", "xyxy", strict=True)]

    assert in_words(few) == tuple(map(str, few))
    assert in_words([*few, *many]) == (
        *map(str, few),
        "4 commands of suite are also in x, y; those win",
    )


def test_a_command_of_two_packages_goes_where_it_is_said_to() -> None:
    other = samples.entry("hdf5-next", "2.0", commands=(Command("h5dump", ("h5dump",)),))

    profiles = profiles_for(
        [samples.entry(), other],
        Channel.TESTING,
        fqrn=samples.FQRN,
        prefer={"h5dump": "hdf5-tools"},
    )

    assert b"images/hdf5-tools/" in profiles.files["testing/bin/h5dump"].content
    assert profiles.conflicts == (Conflict("h5dump", "hdf5-tools", ("hdf5-next",)),)


def test_the_same_entries_give_the_same_bytes() -> None:
    assert profiles_for(samples.everything(), Channel.TESTING, fqrn=samples.FQRN).files == FILES


def test_no_profile_names_a_place_of_ours_but_the_last_resort_of_setup_sh() -> None:
    naming = [path for path, file in FILES.items() if b"/cvmfs" in file.content]

    assert naming == ["testing/setup.sh"]


@pytest.mark.needs("dash", "bash")
@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("path", [path for path in FILES if "share" not in path])
def test_a_script_parses(path: str, shell: str) -> None:
    process.run([shell, "-n"], reason="parse it", stdin=FILES[path].content)


@pytest.mark.needs("dash")
def test_a_hostile_program_stays_one_command_with_its_words(tmp_path: Path) -> None:
    for name, content in {
        "bin/zz": FILES["testing/bin/zz"].content,
        "libexec/pansoft-run": b'#!/bin/sh\nprintf "%s\\0" "$@"\n',
    }.items():
        file = tmp_path / name
        file.parent.mkdir()
        file.write_bytes(content)
        file.chmod(0o755)

    done = process.run([tmp_path / "bin/zz", "more"], reason="see its words", cwd=tmp_path)

    run = samples.hostile().commands[0].run
    image = "images/zz-hostile/0.1/zz-hostile.sif"
    assert done.stdout.split("\0")[:-1] == [image, "none", *run, "more"]
    assert not (tmp_path / "owned").exists()


@pytest.mark.needs("desktop-file-validate")
@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".desktop")])
def test_a_menu_entry_is_valid(path: str, tmp_path: Path) -> None:
    file = tmp_path / Path(path).name
    file.write_bytes(FILES[path].content)

    done = process.run(["desktop-file-validate", file], reason="validate it")

    assert done.stdout == ""


def test_a_hostile_title_adds_no_line_to_a_menu_entry() -> None:
    parser = configparser.RawConfigParser(strict=True)
    parser.read_string(
        FILES["testing/share/applications/pansoft-zz-hostile.desktop"].content.decode()
    )

    assert parser.sections() == ["Desktop Entry"]
    assert parser["Desktop Entry"]["Exec"] == "zz"


@pytest.mark.parametrize(
    ("icon", "named"),
    [
        (None, "applications-science"),
        ("fityk", "fityk"),
        ("/usr/share/pixmaps/fityk.png", "fityk"),
        ("../../etc/pass wd", "applications-science"),
    ],
)
def test_an_icon_is_a_name_in_a_theme(icon: str | None, named: str) -> None:
    text = desktop_entry(samples.entry(), Desktop("h5dump", "HDF5", icon))

    assert f"\nIcon={named}\n" in text


def test_a_menu_entry_without_its_command_is_left_out() -> None:
    entry = replace(samples.entry(), runtime=Runtime(desktop=Desktop("gone", "Gone")))

    files = profiles_for([entry], Channel.TESTING, fqrn=samples.FQRN).files

    assert not [path for path in files if path.endswith(".desktop")]


def test_a_kernel_is_found_and_started_wherever_the_repository_lies() -> None:
    path = "testing/share/jupyter/kernels/pyfai/kernel.json"
    argv = json.loads(FILES[path].content)["argv"]

    resolved = Path("/", argv[0].replace("{resource_dir}", str(Path(path).parent))).resolve()

    assert str(resolved) == "/testing/libexec/pansoft-run"
    assert argv[-1] == "{connection_file}"
