# SPDX-License-Identifier: BSD-3-Clause
"""Which approvals become evidence."""

from __future__ import annotations

from typing import Any

from tests.oidc_issuer import NOON
from tests.trust.people import PEOPLE, PLAN, World, approval
from trust.consent import approvals
from trust.evidence import Approval


def loaded(world: World, **more: Any) -> approvals.Loaded:
    policy = world.policy()
    return approvals.load(world.folder, policy, at=NOON, **more)


def signed(world: World, content: dict[str, Any], *who: str) -> None:
    world.put("approvals", content, *(world.by_login(content, name) for name in who))


def test_each_signature_is_an_approval(world: World) -> None:
    content = approval()
    world.put("approvals", content, world.by_login(content, "ada"), world.by_job(content, "cid"))

    found = loaded(world)

    assert found.problems == ()
    assert found.approvals == (
        Approval(
            by="oidc:https://aai.example.org#ada@aai",
            name="Ada",
            roles=("security-officer",),
            facility="esrf",
            subject="pyfai 2024.9",
            plan=PLAN,
            given=NOON,
        ),
        Approval(
            by="oidc:https://gitlab.example.org#cid",
            name="Cid",
            roles=("release-manager",),
            facility="esrf",
            subject="pyfai 2024.9",
            plan=PLAN,
            given=NOON,
        ),
    )


def test_who_looks_after_the_package_does_not_count(world: World) -> None:
    signed(world, approval(authors=["Ada"]), "ada", "bob")

    found = loaded(world)

    assert [each.name for each in found.approvals] == ["Bob"]
    assert [problem.rule for problem in found.problems] == ["approval-self"]


def test_without_four_eyes_they_do(world: World) -> None:
    world.people = {**PEOPLE, "four_eyes": False}
    signed(world, approval(authors=["Ada"]), "ada", "bob")

    assert [each.name for each in loaded(world).approvals] == ["Ada", "Bob"]


def test_who_looks_after_the_package_cannot_be_left_out(world: World) -> None:
    signed(world, approval(authors=[]), "ada", "bob")

    found = loaded(world, authors={"pyfai": ("Ada",)})

    assert found.approvals == ()
    assert [problem.rule for problem in found.problems] == ["approval-authors"]


def test_a_bad_signature_spoils_the_file(world: World) -> None:
    content = approval()
    bad = world.by_login(approval(version="2024.10"), "ada")
    world.put("approvals", content, world.by_login(content, "bob"), bad)

    found = loaded(world)

    assert found.approvals == ()
    assert [problem.rule for problem in found.problems] == ["signature-bad"]


def test_a_file_that_is_none_does_not_keep_the_others_from_counting(world: World) -> None:
    signed(world, approval(), "ada")
    world.put("approvals", approval(package="*"), name="two")

    found = loaded(world)

    assert len(found.approvals) == 1
    assert [problem.rule for problem in found.problems] == ["schema-pattern"]


def test_a_folder_without_approvals_has_none(world: World) -> None:
    assert loaded(world) == approvals.Loaded((), ())
