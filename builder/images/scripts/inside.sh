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
    # Java's alternatives link manual pages: their folder must be there, although no page is kept.
    ! grep -q '^openjdk-' "$stage/debian" || mkdir -p /usr/share/man/man1
    # shellcheck disable=SC2046
    debian install $(cat "$stage/debian")
fi
# A container never grants set-uid, and a published tree must not carry it.
find / -xdev -type f -perm /6000 -print -exec chmod u-s,g-s {} + > /run/pansoft/cleared

# $1 is the environment's python; the rest is what pip does there, from files and nothing else.
pip() {
    python=$1
    shift
    /usr/bin/python3 -m pip --python "$python" --isolated --disable-pip-version-check --no-cache-dir \
        --no-input --quiet "$@"
}
pip_install() {
    python=$1
    shift
    pip "$python" install --no-index --no-deps --no-compile --no-warn-script-location "$@"
}

tools=
if [ -s "$stage/tools" ] && { [ -s "$stage/script.sh" ] || [ -s "$stage/sdists.list" ]; }; then
    step "installing $(wc -l < "$stage/tools") build tools"
    # shellcheck disable=SC2046
    debian install $(cat "$stage/tools")
    tools=yes
fi

if [ -s "$stage/requirements.txt" ] || [ -s "$stage/sdists.list" ]; then
    [ -d /opt/venv ] || python3 -m venv --without-pip /opt/venv
fi
if [ -s "$stage/requirements.txt" ]; then
    step "installing $(wc -l < "$stage/requirements.txt") Python packages"
    pip_install /opt/venv/bin/python --find-links "$stage/wheels" --require-hashes \
        -r "$stage/requirements.txt"
fi
if [ -s "$stage/sdists.list" ]; then
    while read -r name version archive <&3; do
        step "making a wheel of $archive"
        # An environment that has what this sdist's build takes, and a folder that is called the same in
        # every build: its name gets into what is compiled.
        work=/run/pansoft/sdists/$name
        mkdir -p "$work/source" "$work/wheel"
        python3 -m venv --without-pip "$work/environment"
        if [ -s "$stage/sdist-$name.txt" ]; then
            pip_install "$work/environment/bin/python" --find-links "$stage/sdists/$name/requires" \
                --require-hashes -r "$stage/sdist-$name.txt"
        fi
        tar --extract --gzip --file "$stage/sdists/$name/$archive" --directory "$work/source" \
            --strip-components=1 --no-same-owner
        (
            export PATH="$work/environment/bin:$PATH" PYTHONHASHSEED=0
            # Debian's flags, but no debug information: it is large, and full of this folder's name.
            flags=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_config_var("CFLAGS"))')
            flags="$flags -g0 -ffile-prefix-map=$work=."
            export CFLAGS="$flags" CXXFLAGS="$flags"
            cd "$work"
            pip "$work/environment/bin/python" wheel --use-pep517 --no-build-isolation --no-index --no-deps \
                --wheel-dir "$work/wheel" "$work/source"
        ) || exit 65
        pip_install /opt/venv/bin/python --find-links "$work/wheel" "$name==$version"
        rm -rf "$work"
    done 3< "$stage/sdists.list"
fi

if [ -s "$stage/node.list" ]; then
    step "unpacking $(wc -l < "$stage/node.list") Node packages"
    mkdir -p /opt/npm/bin
    while read -r folder archive; do
        mkdir -p "/opt/npm/$folder"
        tar --extract --gzip --file "$stage/node/$archive" --directory "/opt/npm/$folder" \
            --strip-components=1 --no-same-owner --no-same-permissions --delay-directory-restore
    done < "$stage/node.list"
    # archives are made on all kinds of systems, with all kinds of modes
    chmod -R u+rwX,go+rX,go-w /opt/npm
    while read -r command file; do
        chmod 755 "/opt/npm/$file"
        ln -s "../$file" "/opt/npm/bin/$command"
    done < "$stage/node-commands"
fi

if [ -d "$stage/files" ]; then
    step "copying the recipe's own files"
    cp -a "$stage/files/." /
fi

if [ -s "$stage/script.sh" ]; then
    if [ -s "$stage/sources.sha256" ]; then
        # apt and pip check what they read; this is for what the script reads
        (cd "$stage/sources" && sha256sum --check --strict --quiet "$stage/sources.sha256")
    fi
    step "running the recipe's script"
    mkdir -p /tmp/build "/opt/$NAME"
    status=0
    (
        cd /tmp/build
        export PREFIX="/opt/$NAME" PANSOFT_SOURCES="$stage/sources"
        [ ! -d /opt/npm ] || export PATH="/opt/npm/bin:$PATH"
        [ ! -d /opt/venv ] || export PATH="/opt/venv/bin:$PATH"
        /bin/sh -eu "$stage/script.sh"
    ) || status=$?
    if [ "$status" != 0 ]; then
        printf 'pansoft: the script of the recipe ended with status %s\n' "$status"
        exit 64
    fi
    rmdir --ignore-fail-on-non-empty "/opt/$NAME"
fi
if [ -n "$tools" ]; then
    step "taking the build tools out again"
    # shellcheck disable=SC2046
    debian purge $(cat "$stage/tools")
fi

for folder in /opt/venv "/opt/$NAME"; do
    if [ ! -d "$folder" ] || ! command -v python3 >/dev/null; then continue; fi
    step "compiling the Python files of $folder"
    python3 -I "$stage/compiled.py" "$folder"
done

cp -a "$stage/singularity.d/." /
ldconfig 2>/dev/null || true
