# SPDX-License-Identifier: BSD-3-Clause
"""A first recipe passes `check`, whatever the package says about itself."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from builder.recipes import from_debian, from_pypi
from builder.recipes.facts import Facts
from builder.recipes.load import read_recipe
from builder.recipes.new import new_recipe, recipe_text
from builder.recipes.recipe import Recipe
from core import process
from core.console import Console
from core.errors import UserError
from pansoft.commands.new import new as command
from pansoft.context import Context
from tests.packages import Deb, apt_host, debian_archive

BASES = Path(__file__).parents[3] / "recipes" / "bases"


def read(root: Path, name: str, text: str) -> Recipe:
    """Return the recipe of a text that must be faultless."""
    folder = root / name
    folder.mkdir()
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    reading = read_recipe(folder, bases=BASES)
    assert [f"{problem} ({problem.hint})" for problem in reading.problems] == []
    assert reading.recipe is not None
    return reading.recipe


def make_wheel(folder: Path, metadata: str, files: dict[str, str]) -> Path:
    wheel = folder / "some_thing-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("some_thing-1.2.dist-info/METADATA", metadata)
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


METADATA = """\
Metadata-Version: 2.4
Name: Some-Thing
Version: 1.2
Summary: Integrates: images, "fast" # and well
License-Expression: MIT AND BSD-3-Clause
Project-URL: Source Code, https://code.example.org/some-thing
Project-URL: Homepage, https://some.example.org
Project-URL: Documentation, https://docs.example.org

A long description.
"""
ENTRY_POINTS = (
    "[console_scripts]\nthing-Convert = some_thing:convert\n[gui_scripts]\nthing-view = x:y\n"
)


def test_a_wheel_becomes_a_recipe(tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        METADATA,
        {
            "some_thing-1.2.dist-info/entry_points.txt": ENTRY_POINTS,
            "some_thing-1.2.data/scripts/thing-tree": "#!python\n",
            "some_thing/__init__.py": "",
            "tests/__init__.py": "",
        },
    )

    text = recipe_text("some-thing", from_pypi.read_wheel(wheel))
    recipe = read(tmp_path, "some-thing", text)

    assert recipe.version == "1.2"
    assert recipe.summary == 'Integrates: images, "fast" # and well'
    assert recipe.homepage == "https://some.example.org"
    assert recipe.source == "https://code.example.org/some-thing"
    assert recipe.documentation == "https://docs.example.org"
    assert recipe.license.spdx == "MIT AND BSD-3-Clause"
    assert recipe.build.pip == ("Some-Thing==1.2",)
    assert [entry.name for entry in recipe.commands] == [
        "thing-Convert",
        "thing-tree",
        "thing-view",
    ]
    assert recipe.tests[0].modules == ("some_thing",)


@pytest.mark.parametrize(
    ("requires", "base"),
    [
        pytest.param("numpy>=2", "debian-12-science", id="needs it"),
        pytest.param("Matplotlib ; extra == 'plots'", "debian-12-python", id="in an extra"),
        pytest.param("requests", "debian-12-python", id="others"),
        pytest.param("not a requirement !", "debian-12-python", id="nonsense"),
    ],
)
def test_a_package_that_needs_numpy_is_put_on_the_base_that_has_it(
    tmp_path: Path, requires: str, base: str
) -> None:
    head = "Metadata-Version: 2.1\nName: some-thing\nVersion: 1.2\n"

    facts = from_pypi.read_wheel(make_wheel(tmp_path, f"{head}Requires-Dist: {requires}\n", {}))

    assert facts.base == base


@pytest.mark.parametrize(
    ("lines", "license_"),
    [
        ("License: BSD-2-Clause\n", "BSD-2-Clause"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "MIT"),
        (
            "License: GPL\n"
            "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n",
            "GPL-3.0-only",
        ),
        ("Classifier: License :: OSI Approved :: BSD License\n", None),
        ("License: see the file\n", None),
        ("License-Expression: nonsense\n", None),
        ("", None),
    ],
)
def test_only_a_clear_licence_is_taken(tmp_path: Path, lines: str, license_: str | None) -> None:
    head = "Metadata-Version: 2.1\nName: some-thing\nVersion: 1.2\n"
    facts = from_pypi.read_wheel(make_wheel(tmp_path, head + lines, {}))

    recipe = read(tmp_path, "some-thing", recipe_text("some-thing", facts))

    assert facts.license == license_
    assert recipe.license.redistribution == ("forbidden" if license_ is None else "allowed")


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"no")

    with pytest.raises(UserError, match=r"a\.whl is not a wheel"):
        from_pypi.read_wheel(tmp_path / "a.whl")


def test_what_is_packed_too_large_is_read_to_a_limit(tmp_path: Path) -> None:
    text = "Metadata-Version: 2.1\nName: some-thing\nVersion: 1.2\n\n" + "x" * 30_000_000
    wheel = tmp_path / "some_thing-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("some_thing-1.2.dist-info/METADATA", text)
    assert wheel.stat().st_size < 100_000

    tracemalloc.start()
    facts = from_pypi.read_wheel(wheel)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert facts.version == "1.2"
    assert peak < 30_000_000


def test_who_asked_and_what_to_cite_stand_in_the_recipe(tmp_path: Path) -> None:
    cited = "https://doi.org/10.1107/S1600576715004306"
    facts = Facts(title="x", apt=("gnuplot",), citation=cited, maintainer="Ana: #1")

    recipe = read(tmp_path, "some-thing", recipe_text("some-thing", facts))

    assert recipe.citation == cited
    assert [person.name for person in recipe.maintainers] == ["Ana: #1"]


RECORD = {
    "Package": "some-thing",
    "Version": "1:2.3+dfsg1-4+b1",
    "Depends": "libc6 (>= 2.34), libgtk-3-0 (>= 3.20)",
    "Homepage": "https://some.example.org/",
    "Description-en": "fits curves\n It fits curves.\n .\n And peaks.",
}
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2020 Somebody
License: GPL-2+ or Expat
 The text.

Files: src/other.c
Copyright: 2020 Somebody
License: BSD-3-clause

Files: debian/*
Copyright: 2020 Packager
License: GPL-3+
"""


def test_a_debian_package_becomes_a_recipe(tmp_path: Path) -> None:
    files = ["/usr/bin/some-thing", "/usr/bin/[", "/usr/share/doc/some-thing/copyright"]
    facts = from_debian.described(RECORD, files, COPYRIGHT)

    recipe = read(tmp_path, "some-thing", recipe_text("some-thing", facts))

    assert recipe.version == "2.3"
    assert recipe.base == "debian-12-desktop"
    assert recipe.description == "It fits curves.\n\nAnd peaks."
    assert recipe.license.spdx == "(GPL-2.0-or-later OR MIT) AND BSD-3-Clause"
    assert recipe.license.evidence == "/usr/share/doc/some-thing/copyright"
    assert [entry.name for entry in recipe.commands] == ["some-thing"]


@pytest.mark.parametrize("pattern", ["some.+", "some-thin.", "some-.*"])
def test_a_pattern_is_no_name_of_a_debian_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    archive = debian_archive(tmp_path / "archive", [Deb("some-thing"), Deb("some-else")])
    for name, value in apt_host(tmp_path / "host", f"file:{archive}").items():
        monkeypatch.setenv(name, value)
    process.run(["apt-get", "update"], reason="read the archive")

    assert from_debian.facts("some-thing").version == "1.0"
    with pytest.raises(UserError, match=r"apt does not know|is not the name"):
        from_debian.facts(pattern)


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1.10.8+repack1-1", "1.10.8"),
        ("5.4.4+dfsg1-2+b2", "5.4.4"),
        ("1:5.1.25-13", "5.1.25"),
        ("3.0-7-2+b1", "3.0-7"),
        ("2.1.0~rc3-4", "2.1.0~rc3"),
        ("113+dfsg-2", "113"),
        ("2024.1", "2024.1"),
    ],
)
def test_upstreams_version_is_found_in_debians(version: str, upstream: str) -> None:
    assert from_debian.upstream_version(version) == upstream


@pytest.mark.parametrize(
    "copyright_text",
    ["", "Copyright 2020, somebody, all rights reserved", COPYRIGHT.replace("GPL-2+", "Own")],
)
def test_an_unclear_copyright_file_gives_nothing_away(tmp_path: Path, copyright_text: str) -> None:
    facts = from_debian.described(RECORD, [], copyright_text)

    recipe = read(tmp_path, "some-thing", recipe_text("some-thing", facts))

    assert recipe.license.spdx == "LicenseRef-unknown"
    assert recipe.license.redistribution == "forbidden"


@pytest.mark.parametrize(
    "nasty",
    [
        "- a: b",
        "yes",
        "12",
        "1.10",
        "'quoted' \"twice\"",
        "& * ! | > % @ `",
        "a\nb\n\nc: d",
        "tab\there \x1b[31m",
        "é ünï → ∞",
        " ",
        "x" * 500,
        "# no",
        "trailing: ",
        "{a: 1}",
        "null",
    ],
)
def test_whatever_a_package_says_the_recipe_is_faultless(tmp_path: Path, nasty: str) -> None:
    facts = Facts(
        title=nasty if nasty.strip() else "x",
        version=nasty,
        summary=nasty.strip() or None,
        description=nasty.strip() or None,
        homepage=nasty,
        source=nasty,
        license_note=nasty,
        evidence=nasty.strip()[:200] or None,
        apt=("some-thing",),
        commands=(nasty,),
    )

    recipe = read(tmp_path, "some-thing", recipe_text("some-thing", facts))

    if nasty.strip() and "\n" not in nasty and nasty.isprintable() and len(nasty) < 80:
        assert recipe.title == nasty.strip()
        assert recipe.summary == nasty.strip()


def test_a_recipe_can_begin_from_nothing(tmp_path: Path) -> None:
    recipe = read(tmp_path, "some-thing", new_recipe("some-thing"))

    assert recipe.build.apt == ("some-thing",)


@pytest.mark.parametrize("name", ["", "../up", "Upper", "-dash", "a b", "x" * 65])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="is not a name"):
        new_recipe(name)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an apt on the path that knows one package, which is a real one."""
    tree = tmp_path / "tree"
    for name, content in {
        "DEBIAN/control": "Package: some-thing\nVersion: 2.3-1\nArchitecture: all\n"
        "Maintainer: Somebody <s@example.org>\nDescription: fits curves\n",
        "usr/bin/some-thing": "#!/bin/sh\n",
        "usr/share/doc/some-thing/copyright": COPYRIGHT,
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content, encoding="utf-8")
    process.run(["dpkg-deb", "--build", tree, tmp_path / "some-thing.deb"], reason="test")
    programs = tmp_path / "bin"
    programs.mkdir()
    for program, script in {
        "apt-cache": f'[ "$3" = some-thing ] && cat "{tree}/DEBIAN/control"',
        "apt-get": f'cp "{tmp_path}/some-thing.deb" .',
    }.items():
        (programs / program).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (programs / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


@pytest.mark.needs("dpkg-deb")
@pytest.mark.usefixtures("archive")
def test_the_command_writes_a_recipe_once(tmp_path: Path) -> None:
    context = Context(project=tmp_path, state=tmp_path / "var", console=Console(quiet=True))
    argv = ["some-thing", "--from-debian", "some-thing"]

    first = CliRunner().invoke(command, argv, obj=context)
    second = CliRunner().invoke(command, argv, obj=context)

    file = tmp_path / "recipes" / "some-thing" / "recipe.yaml"
    assert first.output == f"{file}\n"
    assert read_recipe(file.parent, bases=BASES).problems == ()
    assert "- some-thing" in file.read_text(encoding="utf-8")
    assert "is there already" in str(second.exception)


@pytest.mark.needs("dpkg-deb")
@pytest.mark.usefixtures("archive")
def test_a_package_that_apt_does_not_know_is_refused() -> None:
    with pytest.raises(UserError, match="apt does not know the package 'other'"):
        new_recipe("other", from_debian="other")


def test_a_recipe_has_one_beginning() -> None:
    with pytest.raises(UserError, match="one of them"):
        new_recipe("x", from_debian="x", from_pypi="x")


def test_a_licence_text_in_a_wheel_is_read(tmp_path: Path) -> None:
    text = "Permission to use, copy, modify, and/or distribute this software for any purpose ..."
    files = {"thing.py": "", "some_thing-1.2.dist-info/licenses/LICENSE.txt": text}
    wheel = make_wheel(tmp_path, "Metadata-Version: 2.4\nName: thing\nVersion: 1.2\n", files)

    found = from_pypi.read_wheel(wheel)

    assert (found.license, found.evidence) == ("ISC", "the licence text in the Python package")


def test_a_copyright_file_in_words_is_for_somebody_to_read(tmp_path: Path) -> None:
    words = "It is under the GNU General Public License, version 2, or (at your option) any later version."

    found = from_debian.described(RECORD, [], words)

    assert found.license is None
    assert found.license_note == "GPL-2.0, in its own words: read them"
    read(tmp_path, "some-thing", recipe_text("some-thing", found))


def test_a_debian_package_of_a_python_module_is_imported(tmp_path: Path) -> None:
    files = ["/usr/lib/python3/dist-packages/thing/__init__.py"]

    found = from_debian.described({**RECORD, "Depends": "python3"}, files, COPYRIGHT)

    recipe = read(tmp_path, "some-thing", recipe_text("some-thing", found))
    assert recipe.tests[0].modules == ("thing",)
