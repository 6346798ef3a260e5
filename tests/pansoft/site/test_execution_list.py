# SPDX-License-Identifier: BSD-3-Clause
"""What setup writes for Apptainer, obeyed by the genuine program in a mount namespace of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pansoft.site.conftest import SiteMaker
from tests.site_machine import SiteMachine, runnable_sif
from tests.site_publisher import Publisher
from trust import keys
from trust.signing import signatures

pytestmark = pytest.mark.needs("apptainer", "busybox", "gpg", "mksquashfs", "unshare")


def test_apptainer_runs_what_the_sites_signers_have_signed_and_refuses_the_rest(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    unsigned = runnable_sif(tmp_path / "image")
    good, other = (
        Path(shutil.copy(unsigned, unsigned.with_stem(name))) for name in ("good", "other")
    )
    signatures.sign_sif(good, publisher.key)
    signatures.sign_sif(other, keys.local_key(tmp_path / "somebody"))
    site.set_up(publisher, publisher.storage, "--ecl", "whitelist")
    machine = SiteMachine(site.machine / "etc" / "apptainer")

    ended = {path.stem: machine.runs(path) for path in (good, other, unsigned)}

    assert {name: done.stdout for name, done in ended.items()} == {
        "good": "ran\n",
        "other": "",
        "tiny": "",
    }
    assert all("with ECL" in ended[name].stderr for name in ("other", "tiny"))


def test_a_signer_who_is_refused_by_the_site_runs_no_more(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """One line of the site's own file, and an update: the second signer goes on, the first does not."""
    image = runnable_sif(tmp_path / "image")
    signatures.sign_sif(image, publisher.key)
    site.set_up(publisher, publisher.storage, "--ecl", "whitelist")
    machine = SiteMachine(site.machine / "etc" / "apptainer")
    before = machine.runs(image)
    own = keys.local_key(tmp_path / "own")
    mine = site.places.policy / "keys" / "own.asc"
    shutil.copy(keys.local_policy(tmp_path / "own") / "keys" / "local.asc", mine)
    acceptance = site.places.policy / "acceptance.yaml"
    listed = f'{{name: own, fingerprint: {own.fingerprint}, key: keys/own.asc, packages: ["*"]}}'
    acceptance.write_text(
        acceptance.read_text()
        .replace('\n  signers: ["*"]', "\n  signers: [nobody]")
        .replace("\nsigners: []", f"\nsigners: [{listed}]")
    )

    site.done("update")

    assert (before.returncode, machine.runs(image).returncode == 0) == (0, False)


def test_without_any_signer_left_nothing_runs(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """The only signer is gone: the list that is there closes, it does not stay as it was."""
    image = runnable_sif(tmp_path / "image")
    signatures.sign_sif(image, publisher.key)
    site.set_up(publisher, publisher.storage, "--ecl", "whitelist")
    machine = SiteMachine(site.machine / "etc" / "apptainer")
    before = machine.runs(image)
    publisher.signer_more["disabled"] = "stolen"
    publisher.publish()

    site.done("update")

    after = machine.runs(image)
    assert (before.stdout, after.stdout) == ("ran\n", "")
    assert "with ECL" in after.stderr
