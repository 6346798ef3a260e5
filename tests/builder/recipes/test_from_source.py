# SPDX-License-Identifier: BSD-3-Clause
"""A source archive becomes a recipe that passes `check`, whoever made the archive."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.recipes import source_tree
from builder.recipes.build_systems import build_system_of, libraries_of
from builder.recipes.from_source import facts
from builder.recipes.load import read_recipe
from builder.recipes.new import new_recipe
from builder.recipes.recipe import Recipe, SourceKind
from builder.recipes.source_tree import read_archive
from core.errors import UserError
from tests.servers import FileServer, Status

BASES = Path(__file__).parents[3] / "recipes" / "bases"

CMAKE = {
    "CMakeLists.txt": (
        'cmake_minimum_required(VERSION 3.20)\nproject(peaks VERSION 1.4.2\n  DESCRIPTION "Finds peaks"\n'
        "  HOMEPAGE_URL https://peaks.example.org LANGUAGES CXX)\n"
        "find_package(ZLIB REQUIRED)\nfind_package(Eigen3)\nfind_package(Threads)\n"
        "add_executable(peaks main.cpp)\nadd_executable(selftest test.cpp)\n"
        "install(TARGETS peaks RUNTIME DESTINATION bin)\n"
    ),
    "main.cpp": "// SPDX-License-Identifier: GPL-3.0-or-later\nint main() { return 0; }\n",
    "COPYING": "                    GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007\n",
}
AUTOTOOLS = {
    "configure.ac": "AC_INIT([rings],[0.9.1],[somebody@example.org])\nAC_CHECK_LIB([z],[deflate])\n",
    "configure": "#!/bin/sh\n",
    "src/Makefile.am": "bin_PROGRAMS = rings \\\n  rings-show\nnoinst_PROGRAMS = not-this\n",
    "src/rings.c": "int main(void) { return 0; }\n",
    "README.md": "# rings\n\n![badge](x)\n\nFinds the rings of a *calibrant* in an image. And more.\n",
    "LICENSE": "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy "
    "of\nthis software ... The above copyright notice and this permission notice shall ...\n",
}
MESON = {
    "meson.build": "project('waves', 'c', version : '3.1', license : 'ISC')\n"
    "fftw = dependency('fftw3')\nexecutable('waves', files('waves.c'), dependencies : [fftw],\n"
    "  install : true)\nexecutable('bench', 'bench.c')\n",
    "waves.c": "int main(void) { return 0; }\n",
}
CARGO = {
    "Cargo.toml": '[package]\nname = "rusty"\nversion = "0.3.0"\nlicense = "MIT OR Apache-2.0"\n'
    'description = "Rusty rings."\nrepository = "https://code.example.org/rusty"\n',
    "src/main.rs": "fn main() {}\n",
}
PYTHON = {
    "pyproject.toml": '[project]\nname = "snake"\nversion = "2.0"\ndescription = "A snake."\n'
    'license = "BSD-3-Clause"\ndependencies = ["numpy>=1"]\n[project.scripts]\nsnake = "snake:main"\n',
    "snake.py": "def main(): ...\n",
}
MAKE = {"Makefile": "all:\n", "main.f90": "end\n"}


def tar(files: Mapping[str, str], *, top: str = "peaks-1.4.2/") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{top}{name}")
            member.mode = 0o755
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def written(folder: Path, content: bytes, name: str = "peaks-1.4.2.tar.gz") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def recipe_of(folder: Path, location: str, name: str = "peaks") -> Recipe:
    """Return the recipe made of an archive, which must be faultless."""
    place = folder / "recipes" / name
    place.mkdir(parents=True)
    (place / "recipe.yaml").write_text(new_recipe(name, from_source=location), encoding="utf-8")
    reading = read_recipe(place, bases=BASES)
    assert [f"{problem} ({problem.hint})" for problem in reading.problems] == []
    assert reading.recipe is not None
    return reading.recipe


def test_a_cmake_project_becomes_a_recipe(tmp_path: Path) -> None:
    content = tar(CMAKE)
    recipe = recipe_of(tmp_path, str(written(tmp_path, content)))

    [source] = recipe.build.sources
    assert (source.kind, source.sha256) == (SourceKind.URL, hashlib.sha256(content).hexdigest())
    assert (recipe.version, recipe.summary) == ("1.4.2", "Finds peaks")
    assert recipe.homepage == "https://peaks.example.org"
    assert recipe.license.spdx == "GPL-3.0-or-later"
    assert [command.name for command in recipe.commands] == ["peaks"]
    assert recipe.build.apt == ("zlib1g",)
    assert recipe.build.tools == ("cmake", "g++", "libc6-dev", "make", "zlib1g-dev")
    assert recipe.build.script is not None
    assert recipe.build.script.splitlines()[:2] == [
        'tar -xf "$PANSOFT_SOURCES/peaks-1.4.2.tar.gz"',
        "cd peaks-1.4.2",
    ]
    assert "It asks for eigen3: find the Debian packages" in recipe.file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "version", "licence", "commands", "tool", "line"),
    [
        (AUTOTOOLS, "0.9.1", "MIT", ["rings", "rings-show"], "make", './configure --prefix="$PREFIX"'),
        (MESON, "3.1", "ISC", ["waves"], "ninja-build", "meson install -C objects"),
        (CARGO, "0.3.0", "MIT OR Apache-2.0", ["rusty"], "cargo", "cargo install --offline"),
        (PYTHON, "2.0", "BSD-3-Clause", ["snake"], "python3-setuptools", "--no-build-isolation"),
        (MAKE, "1.4.2", "LicenseRef-unknown", [], "gfortran", 'make install PREFIX="$PREFIX"'),
    ],
    ids=["autotools", "meson", "cargo", "python", "make"],
)  # fmt: skip
def test_each_build_system_is_known(
    tmp_path: Path,
    files: Mapping[str, str],
    version: str,
    licence: str,
    commands: list[str],
    tool: str,
    line: str,
) -> None:
    recipe = recipe_of(tmp_path, str(written(tmp_path, tar(files))))

    assert (recipe.version, recipe.license.spdx) == (version, licence)
    assert [command.name for command in recipe.commands] == commands
    assert tool in recipe.build.tools
    assert recipe.build.script is not None
    assert line in recipe.build.script


def test_the_readme_says_in_a_sentence_what_it_is(tmp_path: Path) -> None:
    found = facts(str(written(tmp_path, tar(AUTOTOOLS))))

    assert found.summary == "Finds the rings of a calibrant in an image."


def test_an_archive_without_configure_gets_the_tools_that_make_it(tmp_path: Path) -> None:
    files = {name: text for name, text in AUTOTOOLS.items() if name != "configure"}

    found = facts(str(written(tmp_path, tar(files))))

    assert {"autoconf", "automake", "libtool"} <= set(found.tools)
    assert "autoreconf --force --install" in found.script


def test_a_zip_file_without_a_folder_of_its_own_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in AUTOTOOLS.items():
            archive.writestr(name, text)

    found = facts(str(written(tmp_path, buffer.getvalue(), "rings-v0.9.1.zip")))

    assert (found.title, found.version) == ("rings", "0.9.1")
    assert "unzip" in found.tools
    assert found.script[0] == 'unzip -q "$PANSOFT_SOURCES/rings-v0.9.1.zip"'
    assert not any(line.startswith("cd ") for line in found.script)


def test_an_address_is_downloaded(tmp_path: Path, server: FileServer) -> None:
    server.files["/dist/peaks-1.4.2.tar.gz"] = tar(CMAKE)

    recipe = recipe_of(tmp_path, server.url("/dist/peaks-1.4.2.tar.gz"))

    # an address of this machine is nobody else's, so the recipe does not name it
    assert recipe.build.sources[0].location == "https://example.org/peaks-1.4.2.tar.gz"


def test_what_cannot_be_had_is_told(tmp_path: Path, server: FileServer) -> None:
    server.files["/peaks.tar.gz"] = b"<html>"
    server.faults["/peaks.tar.gz"] = [Status(503)]

    with pytest.raises(UserError, match="cannot be downloaded: 503"):
        facts(server.url("/peaks.tar.gz"))
    with pytest.raises(UserError, match="cannot be read as a source archive"):
        facts(server.url("/peaks.tar.gz"))
    with pytest.raises(UserError, match="there is no file"):
        facts(str(tmp_path / "peaks.tar.gz"))


@pytest.mark.parametrize(
    "location", ["http://example.org/a.tar.gz", "ftp://example.org/a", "https://example.org/"]
)
def test_other_addresses_are_refused(location: str) -> None:
    with pytest.raises(UserError) as refused:
        facts(location)

    assert refused.value.hint


def test_what_nothing_tells_how_to_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing in peaks-1\.4\.2\.tar\.gz tells how it is built"):
        facts(str(written(tmp_path, tar({"readme.txt": "hello"}))))


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    content = tar(CMAKE | {"big.c": "\n".join(map(str, range(20000)))})

    with pytest.raises(UserError, match="cannot be read as a source archive"):
        facts(str(written(tmp_path, content[: len(content) // 2])))


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_tree, "MAX_UNPACKED", 1000)

    with pytest.raises(UserError, match="unpacks to more than"):
        facts(str(written(tmp_path, tar(CMAKE | {"big.c": "0" * 2000}))))


def test_whatever_names_an_archive_has_the_recipe_is_faultless(tmp_path: Path) -> None:
    nasty = {"CMakeLists.txt": 'project(x DESCRIPTION "a: b # c\u2028{{")\n', "CO\nPYING": "x: ["}

    recipe_of(tmp_path, str(written(tmp_path, tar(nasty, top="../-x $(reboot)/"))))


def test_libraries_are_known_by_the_names_that_build_files_use(tmp_path: Path) -> None:
    tree = read_archive(written(tmp_path, tar(MESON)), name="waves.tar.gz")

    assert libraries_of(tree) == (("fftw3",), ())
    system = build_system_of(tree)
    assert system is not None
    assert system.name == "Meson"
