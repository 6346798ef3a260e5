# SPDX-License-Identifier: BSD-3-Clause
"""The provenance of an image: an in-toto statement with SLSA's provenance, version 1, as predicate.

It is about the image as the build left it, before its signature, because these are the bytes that a
rebuild gives again. The statement beside the image ties them to the signed file. The format:
https://slsa.dev/spec/v1.0/provenance.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never
from urllib.parse import quote

from builder.evidence.origin import Origin
from builder.evidence.sbom import CYCLONEDX_FILE, SPDX_FILE
from builder.images.plan import ARCHITECTURE, ENGINE, BuildPlan
from builder.inputs.apt import DebianPackage
from builder.inputs.apt_sources import DebianSourceFile
from builder.inputs.lock import Input, NodePackage, PythonArtefact, PythonSdist, input_name
from builder.inputs.oci import ImagePart
from builder.recipes.folders import place_of
from builder.recipes.recipe import Recipe, Source
from builder.stages import Image
from core.canonical import readable_json
from core.errors import Refused
from core.files import sha256_file
from trust.evidence import BillFacts, ProvenanceFacts
from trust.signing import dsse

FILE_NAME = "provenance.json"
_COMMIT = re.compile(r"[0-9a-f]{40}")
BUILDER = "urn:pansoft:builder"
BUILD_TYPE = "urn:pansoft:build:recipe:1"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"


@dataclass(frozen=True, slots=True)
class Provenance:
    """A statement that is not signed yet, and what the judge gets to know of it."""

    payload: bytes
    facts: ProvenanceFacts


def provenance_of(
    recipe: Recipe,
    plan: BuildPlan,
    image: Image,
    *,
    bill: BillFacts | None,
    origin: Origin,
    base_locks: Sequence[Path],
    version: str,
) -> Provenance:
    """Return the provenance of an image: the same for the same commit, wherever it is made.

    Args:
        recipe: what it was built from.
        plan: its plan.
        image: as built, unsigned.
        bill: of its bills of materials.
        origin: of the recipe's files.
        base_locks: the lock files of its base and of those below that.
        version: of this program.
    """
    folder = place_of(recipe.folder)
    statement: dict[str, Any] = {
        "_type": STATEMENT,
        "subject": [{"name": f"{image.name}.sif", "digest": {"sha256": image.sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "recipe": f"{folder}/{recipe.file.name}",
                    "commit": origin.commit,
                    "changedSinceCommit": origin.changed,
                },
                "internalParameters": {
                    "plan": plan.id,
                    "engine": ENGINE,
                    "architecture": ARCHITECTURE,
                    "base": {"name": plan.base.name, "id": plan.base.id},
                    "epoch": plan.base.lock.epoch,
                    **_pipeline(origin),
                },
                "resolvedDependencies": [
                    *_commit(origin),
                    _file(f"{folder}/{recipe.file.name}", recipe.file),
                    _file(f"{folder}/{recipe.lock_file.name}", recipe.lock_file),
                    *(
                        _file(f"recipes/bases/{lock.parent.name}/{lock.name}", lock)
                        for lock in base_locks
                    ),
                    *_inputs(plan.base.lock.inputs, "base"),
                    *_inputs(plan.debian, "package"),
                    *_inputs((*plan.python, *plan.sdists, *plan.node), "package"),
                    *_inputs(plan.tools, "build tool"),
                    *_inputs(
                        [each for sdist in plan.sdists for each in sdist.requires], "build tool"
                    ),
                    *_inputs(plan.sources, "source"),
                    *(
                        {"name": item.target, "digest": {"sha256": item.sha256}, **_role("file")}
                        for item in plan.files
                    ),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"pansoft": version}},
                "metadata": {"invocationId": f"urn:pansoft:plan:{plan.id}"},
                "byproducts": list(_bills(bill)),
            },
        },
    }
    payload = readable_json(statement).encode()
    facts = ProvenanceFacts(
        sha256=hashlib.sha256(payload).hexdigest(),
        builder=BUILDER,
        commit=origin.commit,
        changed=origin.changed,
        ref=origin.ref,
        protected=origin.protected,
    )
    return Provenance(payload, facts)


def check_provenance(
    content: bytes, *, public_keys: Sequence[Path], image_sha256: str, what: str = FILE_NAME
) -> Provenance:
    """Return the provenance in a file that one of the keys has signed, about this image.

    Args:
        content: of the file.
        public_keys: of those who may have signed it.
        image_sha256: of the image before it was signed.
        what: names the file in messages.

    Raises:
        Refused: wrong key, altered, or about something else.
    """
    opened = dsse.unseal(content, public_keys=public_keys, what=what)
    try:
        statement = json.loads(opened.payload)
        predicate = statement["predicate"]
        asked = predicate["buildDefinition"]["externalParameters"]
        pipeline = predicate["buildDefinition"].get("internalParameters", {}).get("pipeline", {})
        facts = ProvenanceFacts(
            sha256=hashlib.sha256(opened.payload).hexdigest(),
            builder=predicate["runDetails"]["builder"]["id"],
            commit=asked["commit"],
            changed=asked["changedSinceCommit"],
            ref=pipeline.get("ref"),
            protected=pipeline.get("protected"),
        )
        kinds = (statement["_type"], statement["predicateType"])
        subjects = [subject["digest"]["sha256"] for subject in statement["subject"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise Refused(f"{what} holds no in-toto statement") from err
    if kinds != (STATEMENT, PREDICATE):
        raise Refused(f"{what} is not SLSA provenance of version 1 but {kinds[1]}")
    if subjects != [image_sha256]:
        raise Refused(f"{what} is about another image than the one beside it")
    return Provenance(opened.payload, facts)


def claimed_commit(content: bytes) -> str | None:
    """Return the commit that a file of provenance names, for a sentence: no signature is looked at.

    None is returned where it names none that was committed whole, or is no provenance.
    """
    try:
        statement = json.loads(base64.b64decode(json.loads(content)["payload"]))
        asked = statement["predicate"]["buildDefinition"]["externalParameters"]
        commit, changed = asked["commit"], asked["changedSinceCommit"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) and not changed else None


def _commit(origin: Origin) -> Iterator[dict[str, Any]]:
    if origin.commit is not None:
        yield {"name": "recipes", "digest": {"gitCommit": origin.commit}, **_role("recipe")}


def _pipeline(origin: Origin) -> dict[str, Any]:
    """Return for which ref the build ran; nothing where no pipeline said so."""
    if origin.ref is None:
        return {}
    return {"pipeline": {"ref": origin.ref, "protected": origin.protected}}


def _file(name: str, file: Path) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256_file(file)}, **_role("recipe")}


def _inputs(items: Sequence[Input], role: str) -> Iterator[dict[str, Any]]:
    for item in items:
        match item:
            case DebianPackage():
                uri = f"pkg:deb/debian/{item.name}@{item.version}?arch={item.architecture}"
            case PythonArtefact() | PythonSdist():
                uri = f"pkg:pypi/{item.name.lower()}@{item.version}"
            case NodePackage():
                uri = f"pkg:npm/{quote(item.name)}@{item.version}"
            case DebianSourceFile():
                uri = f"pkg:deb/debian/{item.name}@{item.version}?arch=source"
            case Source():
                uri = f"urn:pansoft:source:{item.kind}:{item.location}"
            case ImagePart():
                uri = f"urn:pansoft:container-image-part:{quote(item.name)}"
            case _:
                assert_never(item)
        name = input_name(item)
        yield {"name": name, "uri": uri, "digest": {"sha256": item.sha256}, **_role(role)}


def _role(role: str) -> dict[str, Any]:
    return {"annotations": {"role": role}}


def _bills(bill: BillFacts | None) -> Iterator[dict[str, Any]]:
    if bill is not None:
        yield {"name": SPDX_FILE, "digest": {"sha256": bill.spdx_sha256}}
        yield {"name": CYCLONEDX_FILE, "digest": {"sha256": bill.cyclonedx_sha256}}
