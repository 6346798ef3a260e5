#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Resolves the Python dependencies of pyproject.toml again into requirements.lock, with hashes and
# without the address of any index.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install pip-tools
"$work/venv/bin/python" -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras \
    --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
    --extra dev --output-file requirements.lock "$@" pyproject.toml
