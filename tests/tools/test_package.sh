#!/bin/sh
# tools/package makes packages that hold the programs, and what only compilers need apart.
#
# usage: test_package.sh PACKAGE BUILDDIR
set -eu

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

command -v dpkg-shlibdeps >/dev/null || skip "needs dpkg-dev"
work=$(mktemp -d /tmp/sievefs-package-XXXXXX)
trap 'rm -rf "$work"' EXIT
"$1" --build="$2" "$work" >"$work/log" 2>&1 || { cat "$work/log"; fail "tools/package"; }
for name in sievefs libsievefs0 libsievefs-dev; do
	dpkg-deb -x "$work/$name"_*.deb "$work/$name" || fail "$name cannot be unpacked"
done

program=$(find "$work/sievefs" -path '*/bin/sievefs' -type f)
[ -n "$program" ] || fail "sievefs holds no program"
version=$("$program" -V | sed 's/^sievefs //')
[ "$(dpkg-deb -f "$work"/sievefs_*.deb Version)" = "$version" ] || fail "the package has not the program's version, $version"
dpkg-deb -f "$work"/sievefs_*.deb Depends | grep -q libglib || fail "the package does not depend on the program's libraries"
for name in bin/sievectl sbin/mount.fuse.sievefs share/man/man8/sievefs.8.gz share/bash-completion/completions/sievectl; do
	find "$work/sievefs" -path "*/$name" | grep -q . || fail "sievefs lacks $name"
done
find "$work/libsievefs0" -name libsievefs.so.0 | grep -q . || fail "libsievefs0 lacks the library"
dpkg-deb -f "$work"/sievefs_*.deb Recommends | grep -q fuse3 || fail "ordinary users lack fusermount3"
for name in include/sievefs.h libsievefs.a libsievefs.so pkgconfig/libsievefs.pc man3/sievefs.h.3.gz; do
	find "$work/libsievefs-dev" -path "*/$name" | grep -q . || fail "libsievefs-dev lacks $name"
	find "$work/sievefs" -path "*/$name" | grep -q . && fail "sievefs has $name, too"
done
exit 0
