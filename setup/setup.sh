#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Brings a machine to where `make demo` and `make test` run: Debian packages, Apptainer, the user
# that builds for root, /dev/fuse, and the Python environment in .venv. Run again it only looks.
#
#   sh setup/setup.sh            for building and the demo
#   sh setup/setup.sh --tests    also the browser and the tools that tests run
#   sh setup/setup.sh --list     only prints the names of the Debian packages; --tests --list of all
#
# In the image that `pansoft ci image` makes everything is there already, and this takes it from there.
# Needs root, or sudo. On other systems than Debian it says what to install by hand.
set -eu

cd "$(dirname "$0")/.."
say() { printf '%s\n' "setup: $*" >&2; }
die() { say "error: $*"; exit 2; }

build_user=pansoft-build
packages="squashfs-tools squashfuse fuse3 fuse-overlayfs uidmap mmdebstrap patchelf gnupg python3-venv git"
packages="$packages ca-certificates util-linux dpkg fuse2fs gocryptfs libseccomp2 libsqlite3-0"
packages="$packages zstd"
tests="chromium fonts-dejavu-core busybox-static desktop-file-utils dash zsh shellcheck xvfb x11-utils"
tests="$tests docker-registry docker.io slurmctld slurmd slurm-client munge"
tests="$tests nginx-light apache2-bin squid attr"
tests="$tests softhsm2 opensc gnupg-pkcs11-scd rsync"

# In our container image: the Python environment of this lock, at a place where all checkouts find it.
ready=/opt/pansoft/python

with_tests=no
only_list=no
for option in "$@"; do
    case $option in
    --tests) with_tests=yes ;;
    --list) only_list=yes ;;
    *) die "there is no option $option: --tests, --list" ;;
    esac
done
if [ "$only_list" = yes ]; then
    [ "$with_tests" = no ] || packages="$packages $tests"
    # shellcheck disable=SC2086
    printf '%s\n' $packages
    exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1; then sudo=sudo; else sudo=missing; fi
fi
as_root() {
    [ "$sudo" != missing ] || die "this needs root and there is no sudo: run as root: $*"
    $sudo "$@"
}
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_debian_packages() {
    missing=
    for package in "$@"; do installed "$package" || missing="$missing $package"; done
    [ -n "$missing" ] || return 0
    say "installing the Debian packages$missing"
    as_root apt-get -q -o DPkg::Lock::Timeout=600 update >/dev/null
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=600 install $missing >/dev/null
}

install_apptainer() {
    ! command -v apptainer >/dev/null 2>&1 || return 0
    sh setup/apptainer-debian.sh
}

make_build_user() {
    # Root does not build: a user of its own does. Anybody else builds as themselves.
    builder=$(id -un)
    if [ "$(id -u)" = 0 ]; then
        builder=$build_user
        id "$builder" >/dev/null 2>&1 || {
            say "making the user $builder, who builds for root"
            useradd --create-home --shell /usr/sbin/nologin "$builder"
        }
    fi
    grep -q "^$builder:" /etc/subuid || as_root usermod --add-subuids 100000-165535 "$builder"
    grep -q "^$builder:" /etc/subgid || as_root usermod --add-subgids 100000-165535 "$builder"
}

open_fuse() {
    # Where udev runs it does this; in a container or a bare machine nobody does.
    [ -e /dev/fuse ] || die "there is no /dev/fuse: modprobe fuse, or give it to the container"
    case $(stat -c %a /dev/fuse) in *6) ;; *) as_root chmod 666 /dev/fuse ;; esac
    # fusermount3 looks there when an ordinary user unmounts; a minimal system may not have it
    [ -e /etc/mtab ] || as_root ln -s /proc/mounts /etc/mtab
}

open_proc() {
    # Docker covers parts of /proc, and then the kernel lets no user namespace mount a /proc of its own, which
    # each build does. It is content with one that nothing covers, wherever that is. Root of a container that
    # may mount gives it one; elsewhere there is nothing to do, or doctor says what lacks.
    [ "$(id -u)" = 0 ] || return 0
    ! unshare --user --map-root-user --mount --pid --fork mount -t proc proc /proc 2>/dev/null || return 0
    mkdir -p /run/pansoft-proc
    mount -t proc proc /run/pansoft-proc 2>/dev/null || rmdir /run/pansoft-proc
}

make_python_environment() {
    wanted=$( (pwd -P && cat requirements.lock setup/setup.sh) | sha256sum)
    [ "$(cat .venv/complete 2>/dev/null)" != "$wanted" ] || return 0
    python=/usr/bin/python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, /usr/bin/python3 is $("$python" --version)"
    rm -rf .venv/complete
    checkout=$(pwd -P)
    if [ "$(cat "$ready/complete" 2>/dev/null)" = "$(sha256sum < requirements.lock)" ]; then
        "$python" -m venv --clear --without-pip .venv
        : > .venv/of-image
        of_image=$("$ready/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
        for program in "$ready"/bin/*; do
            [ -e ".venv/bin/${program##*/}" ] || ln -s "$program" .venv/bin/
        done
    else
        say "making the Python environment .venv"
        # pip would write through the links into the image
        [ ! -e .venv/of-image ] || rm -rf .venv
        "$python" -m venv .venv
        .venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements.lock
        of_image=
    fi
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$checkout" ${of_image:+"$of_image"} > "$site/pansoft.pth"
    printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m pansoft "$@"\n' "$checkout" > .venv/bin/pansoft
    chmod 755 .venv/bin/pansoft
    printf '%s\n' "$wanted" > .venv/complete
}

install_node_programs() {
    # npm, unlike pip, is on some machines the system's and on others from elsewhere: either will do
    command -v npm >/dev/null 2>&1 || install_debian_packages nodejs npm
    wanted=$(cat tests/node/package-lock.json setup/setup.sh | sha256sum)
    [ "$(cat tests/node/node_modules/complete 2>/dev/null)" != "$wanted" ] || return 0
    say "installing the programs of Node that tests run"
    npm --prefix tests/node ci --no-progress --loglevel=error >/dev/null
    printf '%s\n' "$wanted" > tests/node/node_modules/complete
}

if ! command -v apt-get >/dev/null 2>&1; then
    # shellcheck source=/dev/null
    . /etc/os-release
    say "this is ${PRETTY_NAME:-not Debian}; install these by its own means, then run this again:"
    say "  squashfs-tools squashfuse fuse3 fuse-overlayfs shadow-utils(newuidmap) mmdebstrap gnupg2 python3.11"
    case " ${ID:-} ${ID_LIKE:-} " in
    *" rhel "* | *" centos "*) say "  dnf install -y epel-release && dnf install -y apptainer" ;;
    *" fedora "*) say "  dnf install -y apptainer" ;;
    *" suse "* | *" opensuse "*) say "  zypper install -y apptainer" ;;
    *) say "  Apptainer: https://apptainer.org/docs/admin/main/installation.html" ;;
    esac
    command -v apptainer >/dev/null 2>&1 || exit 2
else
    # shellcheck disable=SC2086
    install_debian_packages $packages
    # shellcheck disable=SC2086
    [ "$with_tests" = no ] || install_debian_packages $tests
    install_apptainer
fi
make_build_user
open_fuse
open_proc
make_python_environment
[ "$with_tests" = no ] || install_node_programs
