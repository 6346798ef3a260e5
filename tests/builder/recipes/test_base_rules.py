# SPDX-License-Identifier: BSD-3-Clause
"""Bases that stand on bases: what is wrong with a chain is said where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes import load
from builder.recipes.image_reference import ImageReference, ImageSource
from core.problems import Problem
from tests.builder.recipes.projects import BASE, make_project

ON = "suite: bookworm\n"


@pytest.fixture
def bases(tmp_path: Path) -> Path:
    return make_project(tmp_path) / "recipes" / "bases"


def write(bases: Path, name: str, beginning: str, more: str = "") -> Path:
    folder = bases / name
    folder.mkdir(exist_ok=True)
    text = BASE.replace("name: debian-12", f"name: {name}").replace(ON, f"{beginning}\n")
    (folder / "base.yaml").write_text(text + more, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[Problem]:
    return list(load.read_base(folder).problems)


def said(folder: Path) -> list[str]:
    return [f"{item.where.line}: {item.rule}: {item.message}" for item in problems(folder)]


def test_a_chain_is_read_from_the_lowest_up(bases: Path) -> None:
    write(bases, "python", "on: debian-12")
    science = write(
        bases, "science", "on: python", "pip: [numpy==2.1]\nenvironment: {OMP_NUM_THREADS: '1'}\n"
    )

    chain = load.load_chain(science)

    assert [base.name for base in chain] == ["debian-12", "python", "science"]
    assert [base.suite for base in chain] == ["bookworm", None, None]
    assert chain[-1].pip == ("numpy==2.1",)
    assert chain[-1].environment == (("OMP_NUM_THREADS", "1"),)


@pytest.mark.parametrize(
    ("beginning", "line"),
    [
        pytest.param("suite: bookworm\non: debian-12", 6, id="both"),
        pytest.param("", 1, id="neither"),
    ],
)
def test_a_base_begins_in_one_way(bases: Path, beginning: str, line: int) -> None:
    assert said(write(bases, "python", beginning)) == [
        f"{line}: base-begins: a base has either a 'suite', an 'image' or an 'on'"
    ]


def test_a_base_on_one_that_is_not_there(bases: Path) -> None:
    folder = write(bases, "python", "on: debian-11")

    assert said(folder) == ["5: base-on: there is no base 'debian-11'"]
    assert problems(folder)[0].hint == "known are: debian-12, python"


def test_bases_that_stand_on_one_another_in_a_circle(bases: Path) -> None:
    write(bases, "one", "on: two")
    folder = write(bases, "two", "on: one")

    assert said(folder) == ["5: base-on: two on one on two: no base is the lowest"]
    assert said(write(bases, "self", "on: self")) == [
        "5: base-on: self on self: no base is the lowest"
    ]


def test_no_more_than_four_bases_lie_on_one_another(bases: Path) -> None:
    write(bases, "b", "on: debian-12")
    write(bases, "c", "on: b")
    four = write(bases, "d", "on: c")
    five = write(bases, "e", "on: d")

    assert said(four) == []
    assert said(five) == [
        "5: base-depth: e on d on c on b on debian-12 are 5 bases; 4 at most lie on one another"
    ]


def test_a_base_is_held_to_the_rules_of_recipes(bases: Path) -> None:
    folder = write(
        bases, "python", "on: debian-12", "pip: ['numpy>=2']\nenvironment: {PATH: /bin}\n"
    )

    assert [problem.rule for problem in problems(folder)] == ["recipe-pip", "recipe-environment"]


HEX = "0123456789abcdef" * 4


def test_a_base_may_begin_with_an_image(bases: Path) -> None:
    folder = write(bases, "tiny", f"image: docker://registry.example.org/a/b@sha256:{HEX}")

    base = load.load_base(folder)

    assert said(folder) == []
    assert (base.suite, base.image) == (
        None,
        ImageReference(ImageSource.REGISTRY, "registry.example.org/a/b", HEX),
    )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("docker://registry.example.org/a/b:1.2", "does not say which image it is: a tag moves"),
        (f"docker-archive:a.tar@sha256:{HEX}", "there is no file 'a.tar' in the base's folder"),
        (f"docker-archive:../a.tar@sha256:{HEX}", "'../a.tar' is no file of the base's folder"),
    ],
    ids=["tag", "missing archive", "archive elsewhere"],
)
def test_an_image_is_named_by_its_digest(bases: Path, image: str, message: str) -> None:
    folder = write(bases, "tiny", f"image: {image}")

    [line] = said(folder)

    assert line.startswith("5: base-image: ")
    assert message in line
    assert problems(folder)[0].hint


def test_an_image_is_no_suite_and_no_layer(bases: Path) -> None:
    image = f"image: docker://registry.example.org/a/b@sha256:{HEX}"

    assert said(write(bases, "tiny", f"{image}\nsuite: bookworm")) == [
        "5: base-begins: a base has either a 'suite', an 'image' or an 'on'"
    ]
