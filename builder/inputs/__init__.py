# SPDX-License-Identifier: BSD-3-Clause
"""What goes into an image: by name, version and sha256, and never by mirror.

- `lock`: `lock.json`; `locking`: making one from what the host's archives say today
- `checking`: whether locks still hold; `upgrading`, `changes`: what new ones would bring
- `apt`, `apt_lists`, `python_index`: the adapters of the host's archives and indexes
- `cache`: the content-addressed input cache; `fetch`: filling it; `export`: handing it on
- `places`: where an input may be had; `locations`, `site`: further places than the host's own
- `pip_resolver`, `python_on_base`, `sdists`: which wheels and sdists Python requirements mean
- `npm`, `node`: the same for Node packages; `apt_sources`: archives of Debian source packages
- `images`, `oci`, `layers`: container images for bases; `registry`, `credentials`, `docker_archive`,
  `docker_daemon`: where they are had from
- `archive`: fetched .debs as an archive that apt installs from without a network
"""
