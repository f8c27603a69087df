#!/bin/sh
# `meson install` brings sievefs and its tools, and nothing of the libfuse that was built in.
#
# usage: test_install.sh MESON BUILDDIR
set -eu

fail() { echo "FAILED: $1"; exit 1; }

work=$(mktemp -d /tmp/sievefs-install-XXXXXX)
trap 'rm -rf "$work"' EXIT
"$1" install -C "$2" --no-rebuild --destdir "$work" >"$work.log" 2>&1 || { cat "$work.log"; fail "meson install"; }
rm -f "$work.log"
cd "$work"
for name in bin/sievefs bin/sievectl sbin/mount.fuse.sievefs share/man/man8/sievefs.8 \
	share/bash-completion/completions/sievectl; do
	find . -path "*/$name" | grep -q . || fail "$name is not installed"
done
foreign=$(find . -name '*fuse3*')
[ -z "$foreign" ] || fail "installed too: $foreign"
