# SPDX-License-Identifier: BSD-3-Clause
"""The published facts of one version of a package, as the repository keeps them beside the image.

`entry_of` makes an entry when an image is published, `write_entry` is the text of `entry.json`,
and `read_entry` the only way back. What is read is not believed: names become paths and commands,
so `faults_of` holds every rule about them, and an entry that breaks one is refused.

- Names, versions, commands, channels and the repository's name hold only harmless characters.
- The image lies at `images/<name>/<version>/<name>.sif`, a tree below `trees/<name>/<version>`.
- Hashes, fingerprints and times have their one spelling.
- Links are http or https.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builder.recipes.recipe import (
    Channel,
    Command,
    Delivery,
    License,
    Maintainer,
    Recipe,
    Runtime,
    TestKind,
)
from builder.stages import Fingerprint, PlanId, SignedImage, TestOutcome, TestReport, TestResult
from catalog import codec
from catalog.spelling import LINK, NAME, TIME, VERSION, time_text
from core.canonical import Json, readable_json
from core.errors import InvalidInput
from core.problems import Position, Problem, in_order

SCHEMA = 1
FILE_NAME = "entry.json"
ROOT = "root"
"""The folder of a published tree that a program sees as its root."""

_COMMAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_FQRN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"[0-9A-F]{40}")


@dataclass(frozen=True, slots=True)
class PublishedImage:
    """The signed file: the image, or the manifest of a package that is published as a tree only.

    Sizes in bytes; `delta_size` is what an image adds to its base.
    """

    path: str
    sha256: str
    size: int
    delta_size: int


@dataclass(frozen=True, slots=True)
class PublishedTree:
    """A tree in the repository: its signed manifest, that one's sha256 and size, and what it lists.

    `size` and `bytes`, of all files together, in bytes.
    """

    path: str
    sha256: str
    size: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature the image carries."""

    fingerprint: Fingerprint
    name: str


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """The trust policy under which the image was judged."""

    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PublishedFinding:
    """One rule's answer: its id, its outcome in the policy's word, and the sentence."""

    rule: str
    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class PublishedVerdict:
    """What the policy said of the image."""

    accepted: bool
    findings: tuple[PublishedFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedTest:
    """How one test of the image went; `passed` is None for a test that could not be run."""

    name: str
    kind: TestKind
    passed: bool | None
    seconds: float


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One published version of a package. `published` is a time in UTC, `fqrn` the repository.

    `kept` is whether it came beside a current version, which stands for the package. `promoted` is since
    when it is in its channel, where it was published into another one.
    """

    name: str
    version: str
    channel: Channel
    title: str
    summary: str
    description: str
    homepage: str
    source: str | None
    documentation: str | None
    citation: str | None
    license: License
    maintainers: tuple[Maintainer, ...]
    facilities: tuple[str, ...]
    techniques: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    commands: tuple[Command, ...]
    runtime: Runtime
    base: str
    supported_until: str | None
    replaced_by: str | None
    plan: PlanId
    image: PublishedImage
    signer: Signer
    policy: PolicyVersion
    verdict: PublishedVerdict
    tests: tuple[PublishedTest, ...]
    published: str
    fqrn: str
    tree: PublishedTree | None = None
    kept: bool = False
    promoted: str | None = None

    @property
    def since(self) -> str:
        """Return since when it is in its channel, a time in UTC."""
        return self.promoted or self.published

    @property
    def has_image(self) -> bool:
        """Return whether there is an image; else there is a tree only."""
        return self.image.path.endswith(".sif")

    @property
    def folder(self) -> str:
        """Return the folder of the repository that holds the signed file and this entry."""
        return self.image.path.rpartition("/")[0]

    @property
    def runs(self) -> str:
        """Return what Apptainer starts: the image, or the root of the tree where there is none."""
        return self.image.path if self.has_image else f"{self.folder}/{ROOT}"

    @property
    def size(self) -> int:
        """Return the bytes of the image, or of all files of the tree."""
        return self.image.size if self.has_image or self.tree is None else self.tree.bytes


def entry_of(
    recipe: Recipe,
    signed: SignedImage,
    report: TestReport,
    *,
    policy: PolicyVersion,
    verdict: PublishedVerdict,
    published: datetime,
    fqrn: str,
    channel: Channel | None = None,
    tree: PublishedTree | None = None,
) -> CatalogEntry:
    """Return the entry of an image that is about to be published.

    Args:
        recipe: what it was built from.
        signed: the image as it will be published.
        report: how its tests went.
        policy: what it was judged by.
        verdict: what the policy said.
        published: the time of publication, with its time zone.
        fqrn: the name of the repository.
        channel: where it becomes visible; by default where the recipe says.
        tree: as it will be published, where the recipe asks for one.

    Raises:
        ValueError: recipe, image and report do not speak of the same thing, or a value may not
            stand in a catalogue.
    """
    built = signed.image
    if (built.name, built.version) != (recipe.name, recipe.version):
        raise ValueError(f"{built.name} {built.version} is not {recipe.name} {recipe.version}")
    if report.image_sha256 != built.sha256:
        raise ValueError(f"the tests of {recipe.name} were run on another image")
    entry = CatalogEntry(
        name=recipe.name,
        version=recipe.version,
        channel=channel or recipe.release.channel,
        title=recipe.title,
        summary=recipe.summary,
        description=recipe.description,
        homepage=recipe.homepage,
        source=recipe.source,
        documentation=recipe.documentation,
        citation=recipe.citation,
        license=recipe.license,
        maintainers=recipe.maintainers,
        facilities=recipe.facilities,
        techniques=recipe.techniques,
        environment=recipe.environment,
        commands=recipe.commands,
        runtime=recipe.runtime,
        base=recipe.base,
        supported_until=recipe.release.supported_until,
        replaced_by=recipe.release.replaced_by,
        plan=built.plan,
        image=_signed_file(recipe, signed, tree),
        signer=Signer(signed.signer, signed.signer_name),
        policy=policy,
        verdict=verdict,
        tests=tuple(
            PublishedTest(r.name, r.kind, passed=_passed(r), seconds=round(r.seconds, 3))
            for r in report.results
        ),
        published=time_text(published),
        fqrn=fqrn,
        tree=tree,
        kept=recipe.is_kept,
    )
    if faults := list(faults_of(entry)):
        raise ValueError("; ".join(f"{field}: {what}" for field, what in faults))
    return entry


def _signed_file(recipe: Recipe, signed: SignedImage, tree: PublishedTree | None) -> PublishedImage:
    if recipe.delivery is not Delivery.TREE:
        path = image_path(recipe.name, recipe.version)
        return PublishedImage(path, signed.sha256, signed.size, signed.image.delta_size)
    if tree is None:
        raise ValueError(f"{recipe.name} is delivered as a tree, and there is none")
    return PublishedImage(tree.path, tree.sha256, tree.size, 0)


def _passed(result: TestResult) -> bool | None:
    return None if result.outcome is TestOutcome.NOT_RUN else result.passed


def image_path(name: str, version: str) -> str:
    """Return where the image of a package's version lies in the repository."""
    return f"images/{name}/{version}/{name}.sif"


def manifest_path(name: str, version: str) -> str:
    """Return where the manifest of a package's tree lies in the repository."""
    return f"trees/{name}/{version}/{name}.mtree"


def entry_path(name: str, version: str) -> str:
    """Return where the entry of a package's version lies in the repository."""
    return f"images/{name}/{version}/{FILE_NAME}"


def entry_json(entry: CatalogEntry) -> dict[str, Json]:
    """Return the JSON object of an entry, with the version of its format."""
    fields = codec.to_json(entry)
    assert isinstance(fields, dict)  # noqa: S101 - for mypy: a dataclass becomes an object
    # where they say nothing, older versions of this program read it as well
    if entry.tree is None:
        del fields["tree"]
    if not entry.kept:
        del fields["kept"]
    if entry.promoted is None:
        del fields["promoted"]
    return {"schema": SCHEMA, **fields}


def write_entry(entry: CatalogEntry) -> bytes:
    """Return the content of `entry.json`."""
    return readable_json(entry_json(entry)).encode("utf-8")


def read_entry(content: bytes, *, file: Path) -> CatalogEntry:
    """Return the entry that `entry.json` holds; `file` is named in the errors.

    Raises:
        InvalidInput: it is not an entry, with everything that is wrong about it.
    """
    try:
        entry = codec.from_json(CatalogEntry, _fields(codec.parse_json(content)))
    except codec.Malformed as err:
        raise _invalid(err.faults, file) from err
    if faults := tuple(faults_of(entry)):
        raise _invalid(faults, file)
    return entry


def faults_of(entry: CatalogEntry) -> Iterator[codec.Fault]:
    """Yield what must not stand in a catalogue, whoever wrote it."""
    yield from _spelling("name", entry.name, NAME, "is not a package's name")
    yield from _spelling("version", entry.version, VERSION, "is not a version")
    yield from _spelling("fqrn", entry.fqrn, _FQRN, "is not a repository's name")
    yield from _spelling("plan", entry.plan, _SHA256, "is not a sha256")
    yield from _spelling("image.sha256", entry.image.sha256, _SHA256, "is not a sha256")
    yield from _spelling("policy.sha256", entry.policy.sha256, _SHA256, "is not a sha256")
    yield from _spelling(
        "signer.fingerprint", entry.signer.fingerprint, _FINGERPRINT, "is not a fingerprint"
    )
    yield from _spelling(
        "published", entry.published, TIME, "is not a time like 2026-01-31T12:00:00Z"
    )
    if entry.promoted is not None:
        yield from _spelling(
            "promoted", entry.promoted, TIME, "is not a time like 2026-01-31T12:00:00Z"
        )
    yield from _faults_of_forms(entry)
    if not 0 <= entry.image.delta_size <= entry.image.size:
        yield "image.delta_size", "is not between 0 and the image's size"
    for index, command in enumerate(entry.commands):
        yield from _spelling(
            f"commands.{index}.name", command.name, _COMMAND, "is not a command's name"
        )
        if not command.run or any("\0" in word for word in command.run):
            yield f"commands.{index}.run", "is not a program with arguments"
    for index, (name, _) in enumerate(entry.environment):
        yield from _spelling(f"environment.{index}.0", name, _VARIABLE, "is not a variable's name")
    links = {
        "homepage": entry.homepage,
        "source": entry.source,
        "documentation": entry.documentation,
    }
    for field, link in links.items():
        if link is not None:
            yield from _spelling(
                field, link, LINK, "is not a link that begins with http:// or https://"
            )
    for index, technique in enumerate(entry.techniques):
        yield from _spelling(
            f"techniques.{index}", technique, LINK, "is not an IRI of http or https"
        )


def _faults_of_forms(entry: CatalogEntry) -> Iterator[codec.Fault]:
    """Yield what is wrong about where the image and the tree lie."""
    image, manifest = (place(entry.name, entry.version) for place in (image_path, manifest_path))
    tree = entry.tree
    if entry.image.path != image and (tree is None or entry.image.path != manifest):
        yield "image.path", f"is not {image}"
    if tree is None:
        return
    if tree.path != manifest:
        yield "tree.path", f"is not {manifest}"
    yield from _spelling("tree.sha256", tree.sha256, _SHA256, "is not a sha256")
    if min(tree.size, tree.files, tree.bytes) < 0:
        yield "tree", "has less than nothing in it"


def _spelling(
    field: str, value: str, pattern: re.Pattern[str], fault: str
) -> Iterator[codec.Fault]:
    if not pattern.fullmatch(value):
        yield field, f"{value[:80]!r} {fault}"


def _fields(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise codec.Malformed([("", "must be an object")])
    match value.get("schema"):
        case bool():
            raise codec.Malformed([("schema", "must be a whole number")])
        case int() as found if found == SCHEMA:
            return {name: field for name, field in value.items() if name != "schema"}
        case found:
            raise codec.Malformed([("schema", f"is {found!r}; this program reads {SCHEMA}")])


def _invalid(faults: tuple[codec.Fault, ...], file: Path) -> InvalidInput:
    return InvalidInput(
        in_order(
            Problem(
                Position(file),
                "entry-schema",
                f"{path} {what}" if path else what,
                hint="publish the package again; an entry is written by 'pansoft publish' only",
                field=path,
            )
            for path, what in faults
        )
    )
