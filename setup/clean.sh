#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Removes run state, the Python environment and caches. Files in the state belong to subordinate
# user ids, which only a user namespace may remove for an ordinary user.
set -eu
cd "$(dirname "$0")/.."
state=$1

if [ -d "$state" ]; then
    case $(cd "$state" && pwd -P) in / | "$HOME" | "$(pwd -P)") echo "not removing $state" >&2; exit 2 ;; esac
    if [ "$(id -u)" = 0 ]; then
        rm -rf "$state"
    else
        unshare --user --map-root-user --map-auto rm -rf "$state"
    fi
fi
rm -rf .venv .mypy_cache .pytest_cache .ruff_cache tests/node/node_modules
