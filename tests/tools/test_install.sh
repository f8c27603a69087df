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
for name in bin/sievefs bin/sievectl include/sievefs.h pkgconfig/libsievefs.pc sbin/mount.fuse.sievefs share/man/man8/sievefs.8 share/man/man1/sievefs-replay.1 \
	share/bash-completion/completions/sievectl; do
	find . -path "*/$name" | grep -q . || fail "$name is not installed"
done
foreign=$(find . -name '*fuse3*')
[ -z "$foreign" ] || fail "installed too: $foreign"

# A program is built against what was installed
if command -v pkg-config >/dev/null && command -v cc >/dev/null; then
	folder=$(dirname "$(find "$work" -name libsievefs.pc)")
	example=$(find "$work" -name example.c)
	flags=$(PKG_CONFIG_SYSROOT_DIR=$work PKG_CONFIG_PATH=$folder pkg-config --cflags --libs libsievefs) || fail "pkg-config"
	# the library is linked as it was built, with sanitizers or without
	cc -Wl,--unresolved-symbols=ignore-in-shared-libs -Wall -Werror "$example" $flags -o example || fail "the example is not built"
fi
