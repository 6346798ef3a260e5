#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs Apptainer on a Debian that has none (12 and 13), without touching the host's libc.
#
# Only Debian's unstable suite carries apptainer, built against a newer glibc than Debian 12 has.
# This fetches apptainer and libc6 of that suite from the mirror this host already uses (its own
# apt configuration and keys decide which, and signatures are checked by apt), puts the newer libc
# into a folder of Apptainer's own, points the two Go binaries at it, and installs the result
# through apt, so dpkg knows the package and can remove it.
# docs/decisions/0002-apptainer-on-debian.md says what else was considered.
#
#   sh setup/apptainer-debian.sh                  installs it
#   sh setup/apptainer-debian.sh --output FILE    leaves the package in FILE and installs nothing
set -eu

say() { printf '%s\n' "setup: $*" >&2; }
die() { say "error: $*"; exit 2; }

output=
case ${1:-} in
'') ;;
--output) output=${2:?--output needs the name of a file} ;;
*) die "there is no option $1: --output FILE" ;;
esac

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
# shellcheck source=/dev/null
codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
arch=$(dpkg --print-architecture)
lib=/usr/lib/apptainer-glibc

work=$(mktemp -d "${TMPDIR:-/tmp}/pansoft-apptainer.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
: > "$work/status"

# shellcheck disable=SC2016  # $(REPO_URI) is apt's own syntax
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $codename" "Created-By: Packages" | head -n 1)
[ -n "$mirror" ] || die "apt knows no archive for '$codename'; run 'apt-get update' and try again"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
printf 'deb [signed-by=%s arch=%s] %s sid main\n' "$keyring" "$arch" "$mirror" > "$work/sources.list"

sid() {
    apt_command=$1
    shift
    "$apt_command" -q \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root \
        -o APT::Default-Release= -o APT::Update::Post-Invoke= \
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none "$@"
}

say "reading the package list of Debian unstable"
sid apt-get update >/dev/null || die "the mirror of this host serves no Debian unstable"
say "fetching apptainer and the libc it was built with"
(cd "$work" && sid apt-get download apptainer libc6 >/dev/null)

say "repacking: Apptainer gets that libc as its own, the host keeps its own"
dpkg-deb -R "$work"/apptainer_*.deb "$work/package"
dpkg-deb -x "$work"/libc6_*.deb "$work/libc"
libc_version=$(dpkg-deb -f "$work"/libc6_*.deb Version)
mkdir -p "$work/package$lib"
# Since the merge of /usr the loader and the libraries may be found under either name.
for folder in "$work"/libc/usr/lib/*-linux-gnu* "$work"/libc/lib/*-linux-gnu*; do
    [ -d "$folder" ] || continue
    find "$folder" -maxdepth 1 -name '*.so*' -exec cp -P {} "$work/package$lib/" \;
done
loader=$(find "$work/package$lib" -name 'ld-linux*.so*' -printf '%f\n' | head -n 1)
[ -n "$loader" ] || die "no program loader in libc6 $libc_version"

patched=0
find "$work/package/usr" -type f -perm -u+x ! -name '*.so*' > "$work/programs"
while read -r binary; do
    patchelf --print-interpreter "$binary" >/dev/null 2>&1 || continue
    patchelf --set-interpreter "$lib/$loader" --force-rpath --set-rpath "$lib" "$binary"
    patched=$((patched + 1))
done < "$work/programs"
[ "$patched" -ge 2 ] || die "expected apptainer and its starter in the package, found $patched programs"

version=$(sed -n 's/^Version: //p' "$work/package/DEBIAN/control")
sed -i -E \
    -e "s/^Version: .*/Version: $version+glibc/" \
    -e 's/libc6 \([^)]*\)/libc6/g' \
    -e 's/(libseccomp2|libsqlite3-0) \([^)]*\)/\1/g' "$work/package/DEBIAN/control"
rm -f "$work/package/DEBIAN/md5sums"
dpkg-deb --root-owner-group -Znone -b "$work/package" "$work/apptainer.deb" >/dev/null
if [ -n "$output" ]; then
    cp "$work/apptainer.deb" "$output"
    say "made $output (dpkg: $version+glibc, its own libc $libc_version)"
    exit 0
fi
chmod 755 "$work"
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --allow-downgrades \
    -o DPkg::Lock::Timeout=600 "$work/apptainer.deb" >/dev/null
say "installed $(apptainer --version) (dpkg: $version+glibc, its own libc $libc_version)"
