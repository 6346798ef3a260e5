# SPDX-License-Identifier: BSD-3-Clause
"""Trust between facilities by The Update Framework (https://theupdateframework.io).

A root that a threshold of facilities signs, namespaces that are delegated to partners, a timestamp that
expires within days: lost keys are replaced and partners come and go while no site installs anything again.
The form of the metadata, and the logic of the client, are python-tuf's; this folder is its only home.

What people sign, once a year:

- `charter`: who holds the root and who speaks for what, and the ways to change it
- `rules`: what no facility should sign; `changes`: what a proposal does, in words
- `ceremony`: from a proposal to the last signature; `documents`: the folder in git that all of it lies in
- `known_roots`: what was in force when somebody signed; `status`: how it stands, and alarms

What a pipeline signs, every day:

- `settings`: `trust-policy/federation.yaml`; `online`: lists of one key, snapshot, timestamp

What a site reads:

- `client`: the federation from a root on; `sources`, `refusals`: where it is read, and the words of a no

What all of them speak of: `names` of paths and namespaces, `target`, `keys`.
"""
