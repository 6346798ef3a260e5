# SPDX-License-Identifier: BSD-3-Clause
"""Provenance names all that went in, is the same each time, and is believed only where it fits."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.evidence.origin import Origin
from builder.evidence.provenance import (
    Provenance,
    check_provenance,
    claimed_commit,
    provenance_of,
)
from builder.images.plan import BuildPlan, plan_base, plan_package
from builder.inputs.lock import (
    NodePackage,
    PythonArtefact,
    PythonSdist,
    read_base_lock,
    read_package_lock,
)
from builder.recipes import load
from builder.recipes.recipe import BaseRecipe, Recipe
from builder.stages import Image
from core.errors import Refused
from core.files import sha256_file
from trust import keys
from trust.evidence import BillFacts, ProvenanceFacts
from trust.keys import FolderKey
from trust.signing import dsse

ROOT = Path(__file__).parents[3]
IMAGE = "1" * 64
BILL = BillFacts("7" * 64, "8" * 64, 10, 1)
HERE = Origin("c" * 40, changed=False)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load.load_recipe(ROOT / "recipes" / "mcpl")


@pytest.fixture(scope="module")
def base(recipe: Recipe) -> BaseRecipe:
    return load.load_base(ROOT / "recipes" / "bases" / recipe.base)


@pytest.fixture(scope="module")
def plan(recipe: Recipe, base: BaseRecipe) -> BuildPlan:
    under = plan_base(base, read_base_lock(base))
    return plan_package(recipe, read_package_lock(recipe, under.lock), under)


def made(recipe: Recipe, plan: BuildPlan, base: BaseRecipe, origin: Origin = HERE) -> Provenance:
    image = Image(plan.id, recipe.name, recipe.version, base.name, Path("x.sif"), IMAGE, 9, 1)
    return provenance_of(
        recipe, plan, image, bill=BILL, origin=origin, base_locks=[base.lock_file], version="0.1"
    )


@pytest.fixture(scope="module")
def provenance(recipe: Recipe, plan: BuildPlan, base: BaseRecipe) -> Provenance:
    return made(recipe, plan, base)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> FolderKey:
    return keys.local_key(tmp_path_factory.mktemp("state"))


def public(key: FolderKey) -> list[Path]:
    return [key.folder.parents[2] / "trust-policy" / "keys" / "local.asc"]


def test_it_is_slsa_provenance_of_the_unsigned_image(provenance: Provenance) -> None:
    statement: dict[str, Any] = json.loads(provenance.payload)

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": "mcpl.sif", "digest": {"sha256": IMAGE}}]
    assert set(statement["predicate"]) == {"buildDefinition", "runDetails"}


def test_it_names_every_input_with_its_hash(provenance: Provenance, plan: BuildPlan) -> None:
    definition = json.loads(provenance.payload)["predicate"]["buildDefinition"]
    named = {each["digest"].get("sha256") for each in definition["resolvedDependencies"]}

    inputs = (*plan.base.lock.packages, *plan.inputs)
    assert {item.sha256 for item in inputs} <= named
    assert plan.sources


def test_what_is_built_from_an_sdist_or_by_npm_is_named_with_what_that_takes(
    recipe: Recipe, plan: BuildPlan, base: BaseRecipe
) -> None:
    tool = PythonArtefact("wheel", "1", "wheel-1-py3-none-any.whl", "4" * 64)
    sdist = PythonSdist("own", "2", "own-2.tar.gz", "5" * 64, (tool,))
    node = NodePackage("@a/b", "3", "@a/b/-/b-3.tgz", "node_modules/@a/b", "sha512-x", "6" * 64)
    more = replace(plan, sdists=(sdist,), node=(node,))

    definition = json.loads(made(recipe, more, base).payload)["predicate"]["buildDefinition"]
    named = {each["digest"].get("sha256"): each for each in definition["resolvedDependencies"]}

    assert {item.sha256 for item in more.inputs} <= set(named)
    assert named["4" * 64]["annotations"] == {"role": "build tool"}
    assert named["5" * 64]["uri"] == "pkg:pypi/own@2"
    assert named["6" * 64]["uri"] == "pkg:npm/%40a/b@3"


def test_it_names_the_recipe_its_lock_and_its_commit(
    provenance: Provenance, recipe: Recipe, base: BaseRecipe
) -> None:
    definition = json.loads(provenance.payload)["predicate"]["buildDefinition"]
    dependencies = {each["name"]: each["digest"] for each in definition["resolvedDependencies"]}

    assert dependencies["recipes"] == {"gitCommit": "c" * 40}
    assert dependencies["recipes/mcpl/recipe.yaml"] == {"sha256": sha256_file(recipe.file)}
    assert dependencies["recipes/mcpl/lock.json"] == {"sha256": sha256_file(recipe.lock_file)}
    assert dependencies[f"recipes/bases/{base.name}/lock.json"] == {
        "sha256": sha256_file(base.lock_file)
    }


def test_the_same_commit_gives_the_same_bytes(
    provenance: Provenance, recipe: Recipe, plan: BuildPlan, base: BaseRecipe
) -> None:
    assert made(recipe, plan, base) == provenance


@pytest.mark.parametrize("origin", [replace(HERE, changed=True), Origin(None, changed=True)])
def test_a_changed_checkout_is_marked(
    recipe: Recipe, plan: BuildPlan, base: BaseRecipe, origin: Origin
) -> None:
    found = made(recipe, plan, base, origin)
    asked = json.loads(found.payload)["predicate"]["buildDefinition"]["externalParameters"]

    assert (asked["commit"], asked["changedSinceCommit"]) == (origin.commit, True)
    assert (found.facts.commit, found.facts.changed) == (origin.commit, True)


@pytest.mark.needs("apptainer", "gpg")
def test_signed_provenance_is_read_back(provenance: Provenance, key: FolderKey) -> None:
    sealed = dsse.seal(provenance.payload, key=key).encode()

    found = check_provenance(sealed, public_keys=public(key), image_sha256=IMAGE)

    assert found == provenance
    assert isinstance(found.facts, ProvenanceFacts)
    assert claimed_commit(sealed) == "c" * 40


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_provenance_claims_no_commit(payload: bytes) -> None:
    envelope = json.dumps({"payload": base64.b64encode(payload).decode()}).encode()

    assert claimed_commit(envelope) is None
    assert claimed_commit(payload) is None


@pytest.mark.parametrize(
    ("commit", "changed"), [("c" * 40, True), (None, False), ("main", False), (["c" * 40], False)]
)
def test_what_is_of_no_whole_commit_claims_none(commit: object, changed: bool) -> None:
    asked = {"commit": commit, "changedSinceCommit": changed}
    statement = {"predicate": {"buildDefinition": {"externalParameters": asked}}}
    payload = base64.b64encode(json.dumps(statement).encode()).decode()

    assert claimed_commit(json.dumps({"payload": payload}).encode()) is None


@pytest.mark.needs("apptainer", "gpg")
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(IMAGE, "2" * 64, "about another image", id="subject"),
        pytest.param("provenance/v1", "provenance/v9", "not SLSA provenance", id="predicate"),
        pytest.param('"subject"', '"object"', "no in-toto statement", id="form"),
        pytest.param("{", "[", "no in-toto statement", id="text"),
    ],
)
def test_a_well_signed_statement_that_does_not_fit_is_refused(
    provenance: Provenance, key: FolderKey, old: str, new: str, reason: str
) -> None:
    sealed = dsse.seal(provenance.payload.replace(old.encode(), new.encode(), 1), key=key)

    with pytest.raises(Refused, match=reason):
        check_provenance(sealed.encode(), public_keys=public(key), image_sha256=IMAGE)
