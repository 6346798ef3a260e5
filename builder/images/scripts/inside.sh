# SPDX-License-Identifier: BSD-3-Clause
# Runs inside the root file system that is being built, as root of a user namespace, offline.
# /run/pansoft/stage holds what Python wrote for this build, /run/pansoft/archive the Debian
# packages as a flat apt archive. Sourced values: WITH_PIP, NAME.
set -eu
stage=/run/pansoft/stage
# shellcheck source=/dev/null
. "$stage/values.sh"
umask 022

step() { printf '==> %s\n' "$*"; }

debian() {
    apt-get -q -y --no-install-recommends --allow-downgrades \
        -o Dir::Etc::sourcelist=/run/pansoft/sources.list -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists=/run/pansoft/lists -o Dir::Cache=/run/pansoft/cache \
        -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io \
        -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o Acquire::Languages=none "$@"
}

if [ -s "$stage/debian" ] || [ -s "$stage/tools" ]; then
    mkdir -p /run/pansoft/lists/partial /run/pansoft/cache/archives/partial
    printf 'deb [trusted=yes] file:/run/pansoft/archive ./\n' > /run/pansoft/sources.list
    debian update >/dev/null
fi
if [ -s "$stage/debian" ]; then
    step "installing $(wc -l < "$stage/debian") Debian packages"
    # shellcheck disable=SC2046
    debian install $(cat "$stage/debian")
fi
# A container never grants set-uid, and a published tree must not carry it.
find / -xdev -type f -perm /6000 -print -exec chmod u-s,g-s {} + > /run/pansoft/cleared

if [ -s "$stage/requirements.txt" ]; then
    step "installing $(wc -l < "$stage/requirements.txt") Python packages"
    [ -d /opt/venv ] || python3 -m venv --without-pip /opt/venv
    python3 -m pip --python /opt/venv/bin/python --isolated --disable-pip-version-check \
        --no-cache-dir --no-input --quiet install --no-index --no-deps --no-compile \
        --no-warn-script-location --find-links "$stage/wheels" --require-hashes \
        -r "$stage/requirements.txt"
fi

if [ -d "$stage/files" ]; then
    step "copying the recipe's own files"
    cp -a "$stage/files/." /
fi

if [ -s "$stage/script.sh" ]; then
    if [ -s "$stage/tools" ]; then
        step "installing $(wc -l < "$stage/tools") build tools"
        # shellcheck disable=SC2046
        debian install $(cat "$stage/tools")
    fi
    step "running the recipe's script"
    mkdir -p /tmp/build "/opt/$NAME"
    status=0
    (
        cd /tmp/build
        export PREFIX="/opt/$NAME" PANSOFT_SOURCES="$stage/sources"
        [ ! -d /opt/venv ] || export PATH="/opt/venv/bin:$PATH"
        /bin/sh -eu "$stage/script.sh"
    ) || status=$?
    if [ "$status" != 0 ]; then
        printf 'pansoft: the script of the recipe ended with status %s\n' "$status"
        exit 64
    fi
    rmdir --ignore-fail-on-non-empty "/opt/$NAME"
    if [ -s "$stage/tools" ]; then
        step "taking the build tools out again"
        # shellcheck disable=SC2046
        debian purge $(cat "$stage/tools")
    fi
fi

for folder in /opt/venv "/opt/$NAME"; do
    if [ ! -d "$folder" ] || ! command -v python3 >/dev/null; then continue; fi
    step "compiling the Python files of $folder"
    python3 -I "$stage/compiled.py" "$folder"
done

cp -a "$stage/singularity.d/." /
ldconfig 2>/dev/null || true
