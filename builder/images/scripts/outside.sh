# SPDX-License-Identifier: BSD-3-Clause
# Runs as root of a fresh user namespace (an ordinary user outside), with mount, process and
# network namespaces of its own and no network in them. The working directory is the build's
# scratch folder; `archive`, `base` and the like in it are links to what is needed.
#
#   $1        base | image, a base of the tars in image-layers/ | layer, of what lies on a base:
#             another base, a package | shell (in what a failed build left, on the caller's terminal)
#   HOLD      an empty folder to mount things on
#   INPUTS    the input cache (read only)
#   LAYERS    the unpacked bases that a layer lies on, a line each, the highest first
#   EPOCH     no file is younger than this, in seconds
#   MINIMAL   the packages of the minimal system, for a base
#   LEVEL     the zstd level to pack with
#   SECONDS MEMORY DISK PROCESSES   what the build may take, sizes in bytes
#   KEEP      not empty: leave the build's /tmp as tmp/
#
# Leaves: result.squashfs, findings/ (what the build saw), log lines on standard output.
# Ends with a status of watch.py where the build took more than it may.
set -eu
umask 022
kind=$1
scratch=$(pwd -P)
export SOURCE_DATE_EPOCH="$EPOCH" DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# What a build writes down must not be the name of this machine.
hostname pansoft
mount -t tmpfs -o mode=755 tmpfs "$HOLD"
root=$HOLD/root
mkdir -p "$root" "$HOLD/archive/pool" "$HOLD/scratch" "$HOLD/proc"
mount --bind "$scratch" "$HOLD/scratch"
mount --bind -o ro "$INPUTS" "$HOLD/archive/pool"
cp "$scratch/Packages" "$HOLD/archive/Packages"

step() { printf '==> %s\n' "$*"; }

over() {
    status=$?
    [ ! -s "$HOLD/limit" ] || read -r status < "$HOLD/limit"
    exit "$status"
}

if [ "$kind" != shell ]; then
    # Where memory runs out all the same, the kernel ends the build and nothing else.
    echo 1000 > /proc/self/oom_score_adj
    mount -t proc proc "$HOLD/proc"
    trap over EXIT
    python3 -I "$scratch/watch.py" "$HOLD" "$scratch" "$SECONDS" "$MEMORY" "$DISK" "$PROCESSES" &
fi

case $kind in
base)
    step "installing the minimal system"
    mkdir "$scratch/upper"
    mount --bind "$scratch/upper" "$root"
    export TMPDIR="$HOLD/scratch"
    # Folders of a merged /usr must exist before the first package; $1 is mmdebstrap's, not ours.
    # shellcheck disable=SC2016
    merge='for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done'
    excludes='--dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/info/*'
    # shellcheck disable=SC2086
    mmdebstrap --quiet --mode=root --variant=custom --format=directory --setup-hook="$merge" \
        --skip=check/empty,cleanup/tmp --aptopt='APT::Sandbox::User "root"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt=force-unsafe-io $excludes --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' --include="$MINIMAL" \
        "$SUITE" "$root" "deb [trusted=yes] copy://$HOLD/archive ./" 2>&1
    # mmdebstrap leaves the host's resolv.conf, whose mode a truncated file would keep
    rm -f "$root/etc/apt/sources.list" "$root/etc/hostname" "$root/etc/resolv.conf"
    : > "$root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    ;;
image)
    step "laying out the layers of the container image"
    mkdir "$scratch/upper"
    python3 -I "$scratch/unpack_layers.py" "$scratch/upper" "$scratch"/image-layers/*.tar 2>&1
    mount --bind "$scratch/upper" "$root"
    ;;
layer | shell)
    [ "$kind" = shell ] || mkdir "$scratch/upper" "$scratch/overlay"
    mkdir "$HOLD/layers" "$HOLD/below"
    lower=
    while IFS= read -r layer; do
        place="$HOLD/layers/$(find "$HOLD/layers" -mindepth 1 -maxdepth 1 | wc -l)"
        mkdir "$place"
        mount --bind -o ro "$layer" "$place"
        lower=${lower:+$lower:}$place
    done <<EOT
$LAYERS
EOT
    # what is deleted is looked for in all that lies below
    case $lower in
    *:*) mount -t overlay overlay -o "ro,userxattr,lowerdir=$lower" "$HOLD/below" ;;
    *) mount --bind -o ro "$lower" "$HOLD/below" ;;
    esac
    mount -t overlay overlay \
        -o "userxattr,lowerdir=$lower,upperdir=$HOLD/scratch/upper,workdir=$HOLD/scratch/overlay" "$root"
    ;;
*)
    printf 'there is no kind %s\n' "$kind" >&2
    exit 1
    ;;
esac

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir -m 1777 "$root/dev/shm"
if [ "$kind" = shell ]; then
    : > "$root/dev/tty"
    mount --bind /dev/tty "$root/dev/tty"
    mount --bind "$scratch/tmp" "$root/tmp"
else
    mount -t tmpfs -o "mode=1777,size=$MEMORY" tmpfs "$root/tmp"
fi
mount -t tmpfs -o mode=755 tmpfs "$root/run"
work=$root/run/pansoft
mkdir -p "$work/archive" "$work/stage"
mount --rbind "$HOLD/archive" "$work/archive"
mount --bind -o ro "$scratch/stage" "$work/stage"

within() {
    # One process may not take much more than all together; threads count as processes here. The
    # number of those is a little higher than where the watch ends the build.
    prlimit --nproc="$((PROCESSES + 256))" --fsize="$DISK" --data="$((2 * MEMORY))" --core=0 \
        unshare --mount --pid --fork --kill-child --propagation private \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/tmp LC_ALL=C.UTF-8 TERM="$TERM" DEBIAN_FRONTEND=noninteractive \
        SOURCE_DATE_EPOCH="$EPOCH" PYTHONDONTWRITEBYTECODE=1 python3 -I "$scratch/enter.py" "$root" "$@"
}

status=0
if [ "$kind" = shell ]; then
    within /bin/sh /run/pansoft/stage/shell.sh || status=$?
    exit "$status"
fi
TERM=dumb
within /bin/sh -eu /run/pansoft/stage/inside.sh </dev/null 2>&1 || status=$?
[ -z "$KEEP" ] || cp -a "$root/tmp" "$scratch/tmp"
[ "$status" = 0 ] || exit "$status"

mkdir -p "$scratch/findings"
LC_ALL=C sort "$work/cleared" > "$scratch/findings/cleared"
umount -R "$root/run" "$root/tmp" "$root/dev"
umount "$root"

# No package is like that, and what goes through folders from here on does not have to stand it.
if [ -n "$(find "$scratch/upper" -mindepth 256 -print -quit)" ]; then
    printf 'pansoft: folders lie in one another more than 256 deep\n'
    exit 1
fi

step "taking out what differs from build to build"
python3 -I "$scratch/tidy.py" "$scratch/upper"
cd "$scratch/upper"
if [ "$kind" = base ]; then
    mkdir -p var/cache/apt/archives/partial var/lib/apt/lists/partial var/log/apt
    for folder in run tmp dev proc sys mnt media; do [ -d "$folder" ]; done
fi
for empty in dev proc run tmp run/pansoft; do
    # the mount points of the sandbox are no part of a package
    [ "$kind" != layer ] || { [ ! -d "$empty" ] || rmdir --ignore-fail-on-non-empty "$empty"; }
done

# Not taken for granted but looked at: the network interfaces that this build could see.
sed -n 's/^ *\([^:]*\):.*/\1/p' /proc/self/net/dev | LC_ALL=C sort > "$scratch/findings/interfaces"
find . -xdev -type f -perm /6000 -printf '/%P\n' | LC_ALL=C sort > "$scratch/findings/setuid"
find . -xdev -type f -perm -0002 -printf '/%P\n' | LC_ALL=C sort > "$scratch/findings/world-writable"
[ "$kind" != layer ] || python3 -I "$scratch/whiteouts.py" "$scratch/upper" "$HOLD/below"

step "packing"
# shellcheck disable=SC2086
mksquashfs "$scratch/upper" "$scratch/result.squashfs" -comp zstd -Xcompression-level "$LEVEL" \
    -no-xattrs -noappend -no-progress -quiet 1>&2
