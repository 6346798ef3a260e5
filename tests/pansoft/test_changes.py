# SPDX-License-Identifier: BSD-3-Clause
"""What a branch changes is told recipe by recipe: what is built again, what only says something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.console import Console
from core.errors import InvalidInput
from pansoft.changes import Change, Kind, changes_since
from pansoft.cli import invoke
from pansoft.context import Context
from tests.checkouts import commit, git, new_checkout
from tests.real_projects import PLOT, add_recipe, keep_version, lock_recipe, real_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = real_project(new_checkout(tmp_path / "project"))
    add_recipe(project, "other", PLOT)
    commit(project, "two recipes")
    git(project, "switch", "-q", "-c", "mine")
    return project


@pytest.fixture
def context(project: Path, tmp_path: Path) -> Context:
    return Context(project=project, state=tmp_path / "state", console=Console(quiet=True))


def edit(project: Path, old: str, new: str, *, name: str = "plotter") -> None:
    file = project / "recipes" / name / "recipe.yaml"
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


def told(context: Context) -> dict[str, Change]:
    return {item.key: item for item in changes_since(context, "main").recipes}


def test_nothing_is_told_where_nothing_differs(context: Context) -> None:
    found = changes_since(context, "main")

    assert (found.recipes, found.bases, found.others) == ((), (), ())


def test_another_version_is_built_again(context: Context, project: Path) -> None:
    edit(project, "version: 5.4.4", "version: 5.4.5")
    lock_recipe(project, "plotter", "debian-12")
    commit(project, "plotter 5.4.5")

    assert told(context) == {
        "plotter": Change("plotter", "recipes/plotter", Kind.REBUILT, ("version 5.4.4 → 5.4.5",))
    }


@pytest.mark.parametrize(
    ("old", "new", "kind", "said"),
    [
        ("Plots things.\nd", "Plots more.\nd", Kind.TOLD, ("in the recipe: summary",)),
        ("    run: plot\n", "    run: plot more\n", Kind.TESTED, ("in the recipe: tests",)),
        ("  - plot\n", "  - plot\n  - sh\n", Kind.TESTED, ("in the recipe: commands",)),
        ("n: allowed", "n: partners", Kind.TOLD, ("in the recipe: license",)),
        ("schema: 1\n", "# for the record\nschema: 1\n", Kind.TOLD, ()),
    ],
)
def test_what_decides_no_byte_is_not_built_again(
    context: Context, project: Path, old: str, new: str, kind: Kind, said: tuple[str, ...]
) -> None:
    edit(project, old, new)

    assert told(context)["plotter"] == Change("plotter", "recipes/plotter", kind, said)


def test_a_promotion_is_told_by_its_channels(context: Context, project: Path) -> None:
    file = project / "recipes" / "plotter" / "recipe.yaml"
    file.write_text(file.read_text() + "release:\n  channel: stable\n")

    promoted = told(context)["plotter"]
    assert promoted.kind is Kind.PROMOTED
    assert "channel testing → stable" in promoted.why


def test_what_is_promoted_and_tested_otherwise_is_tested(context: Context, project: Path) -> None:
    edit(project, "    run: plot\n", "    run: plot more\n")
    file = project / "recipes" / "plotter" / "recipe.yaml"
    file.write_text(file.read_text() + "release:\n  channel: stable\n")

    assert told(context)["plotter"].kind is Kind.TESTED


def test_a_retirement_is_told_once(context: Context, project: Path) -> None:
    file = project / "recipes" / "plotter" / "recipe.yaml"
    file.write_text(file.read_text() + "retire: It plots no more.\n")
    assert told(context)["plotter"] == Change(
        "plotter", "recipes/plotter", Kind.RETIRED, ("retired: It plots no more.",)
    )

    commit(project, "no more plots")
    git(project, "switch", "-q", "main")
    git(project, "merge", "-q", "mine")
    git(project, "switch", "-q", "mine")
    edit(project, "Plots things.\nd", "Plotted things.\nd")

    assert told(context)["plotter"].kind is Kind.TOLD


def test_recipes_come_and_go(context: Context, project: Path) -> None:
    add_recipe(project, "third", PLOT)
    git(project, "rm", "-r", "-q", "recipes/other")

    found = told(context)

    assert {key: item.kind for key, item in found.items()} == {
        "other": Kind.GONE,
        "third": Kind.NEW,
    }


def test_a_kept_version_is_its_own_recipe(context: Context, project: Path) -> None:
    keep_version(project, "plotter", "5.4.3", "true")

    assert told(context) == {
        "plotter@5.4.3": Change(
            "plotter@5.4.3",
            "recipes/plotter/versions/5.4.3",
            Kind.NEW,
            ("a recipe of version 5.4.3",),
        )
    }


def test_what_stands_on_a_changed_base_is_built_again(context: Context, project: Path) -> None:
    base = project / "recipes" / "bases" / "debian-12"
    lock = json.loads((base / "lock.json").read_text())
    lock["epoch"] += 1
    (base / "lock.json").write_text(json.dumps(lock))
    for name in ("plotter", "other"):
        lock_recipe(project, name, "debian-12")

    found = changes_since(context, "main")

    assert found.bases == ("debian-12",)
    assert [(item.key, item.kind) for item in found.recipes] == [
        ("other", Kind.REBUILT),
        ("plotter", Kind.REBUILT),
    ]
    assert "time of debian-12" in found.recipes[0].why[0]


def test_the_retirement_of_a_recipe_is_told(context: Context, project: Path) -> None:
    file = project / "recipes" / "plotter" / "recipe.yaml"
    file.write_text(file.read_text() + "retire: nobody plots any more\n")

    assert told(context)["plotter"].why == ("retired: nobody plots any more",)


def test_a_stale_lock_is_told_and_not_passed_over(context: Context, project: Path) -> None:
    edit(project, "plot; chmod", "plots; chmod")
    edit(project, "base: debian-12\n", "base: debian-12\nenvironment:\n  A: '1'\n")
    (project / "recipes" / "plotter" / "lock.json").unlink()

    [change] = told(context).values()

    assert change.kind is Kind.REBUILT
    assert "lock" in change.why[0]


def test_a_wrong_recipe_is_refused_with_its_problems(context: Context, project: Path) -> None:
    edit(project, "version: 5.4.4", "version: [1]")

    with pytest.raises(InvalidInput) as caught:
        changes_since(context, "main")

    assert caught.value.problems


def test_files_beside_recipes_are_named(context: Context, project: Path) -> None:
    (project / "README.md").write_text("")
    (project / "recipes" / "stray.txt").write_text("")
    (project / "recipes" / "empty").mkdir()
    (project / "recipes" / "empty" / "notes").write_text("")

    found = changes_since(context, "main")

    assert found.others == ("README.md", "recipes/stray.txt")
    assert found.recipes == ()


def said(
    capsys: pytest.CaptureFixture[str], context: Context, *arguments: str
) -> tuple[int, str, str]:
    argv = ["--project", str(context.project), "--state", str(context.state), "plan", *arguments]
    status = invoke(argv)
    answer = capsys.readouterr()
    return status, answer.out, answer.err


def test_the_command_says_what_is_built_again_and_why(
    context: Context, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project, "mkdir", "mkdir -p")
    edit(project, "summary: Plots things.", "summary: Plots more.", name="other")
    (project / "README.md").write_text("")

    status, out, _ = said(capsys, context, "--since", "main")

    assert status == 0
    assert "told     new        other    in the recipe: summary" in out
    assert "rebuilt  new        plotter  script " in out
    assert "1 with another image, 1 that only say something else; 2 to bring along" in out
    assert "beside recipes: README.md" in out


def test_the_command_speaks_json(
    context: Context, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project, "mkdir", "mkdir -p")
    git(project, "rm", "-r", "-q", "recipes/other")

    _, out, _ = said(capsys, context, "--since", "main", "--json")

    gone, rebuilt = json.loads(out)["recipes"]
    assert (gone["key"], gone["kind"], gone["status"]) == ("other", "gone", None)
    assert (rebuilt["key"], rebuilt["kind"], rebuilt["status"]) == ("plotter", "rebuilt", "new")
    assert len(rebuilt["plan"]) == 64


def test_one_question_at_a_time(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = said(capsys, context, "--since", "main", "--why", "plotter")

    assert status == 2
    assert "different questions" in err


def test_a_plan_is_explained(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, context, "--why", "plotter")

    assert status == 0
    assert out.startswith("plotter 5.4.4: new, a package that is not published\n")
    assert "  recipe   recipes/plotter\n" in out
    assert "  made of  1 script line\n" in out


def test_the_explanation_of_a_name_that_is_not_there_names_a_near_one(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = said(capsys, context, "--why", "ploter")

    assert status == 2
    assert "did you mean plotter?" in err
