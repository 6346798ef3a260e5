# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo mount` and `unmount`: a partner's mount from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.state import State
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import is_mounted
from pansoft import cli, embedded


def repo(state: State, *argv: str) -> int:
    """Run a verb of `pansoft repo`."""
    return cli.invoke(["--state", str(state.folder), "-q", "repo", *argv])


@pytest.mark.needs("fusermount3")
# the mount outlives the command, which here is no process of its own
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_partner_mounts_from_mirrors_with_a_cache_of_a_size(tmp_path: Path) -> None:
    facility, partner = State(tmp_path / "facility"), State(tmp_path / "partner")
    assert repo(facility, "init") == 0
    key, target = str(embedded.public_key(facility)), str(tmp_path / "m")
    cache = tmp_path / "cache"
    dead = f"http://127.0.0.1:9/cvmfs/{embedded.FQRN}"
    options = ["--public-key", key, "--cache", str(cache), "--quota", "1GB", "--proxy", "DIRECT"]
    with serving(facility.repository) as url:
        assert repo(partner, "mount", target, "--source", dead, "--source", url, *options) == 0
        try:
            hosts = os.getxattr(target, "user.host_list").decode().split(";")
        finally:
            assert repo(partner, "unmount", target) == 0

    assert sorted(hosts) == sorted([dead, url])
    assert not is_mounted(Path(target))
    assert (cache / f"seen.{embedded.FQRN}.json").is_file()


def test_quota_that_is_no_size_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = State(tmp_path / "state")
    assert repo(state, "init") == 0

    assert repo(state, "mount", str(tmp_path / "m"), "--quota", "much") == 2

    assert "'much' is not a size" in capsys.readouterr().err
