# SPDX-License-Identifier: BSD-3-Clause
"""Trust between facilities by The Update Framework (https://theupdateframework.io).

A root that a threshold of facilities signs, namespaces that are delegated to partners, a timestamp that
expires within days: lost keys are replaced and partners come and go while no site installs anything again.
The form of the metadata, and the logic of the client, are python-tuf's; this folder is its only home.

- `names`, `target`, `keys`: namespaces and paths, what is said of a file, whose key it is
- `given_root`, `sources`, `refusals`, `client`: the partner's side
"""
