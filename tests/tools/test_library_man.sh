#!/bin/sh
# Each function of the library's header is in its man page with the same arguments, and no other.
#
# usage: test_library_man.sh HEADER MAN
set -eu

fail() { echo "FAILED: $1"; exit 1; }

work=$(mktemp -d /tmp/sievefs-man-XXXXXX)
trap 'rm -rf "$work"' EXIT
# declarations, each on one line: NAME(ARGUMENTS)
tr '\n\t' '  ' <"$1" | grep -o 'SIEVEFS_PUBLIC [^;]*;' |
	sed -n 's/  */ /g; s/( /(/g; s/.*[ *]\(sievefs_[a-z_]*(.*)\);$/\1/p' | sort >"$work/header"
sed -n 's/^\.Fn \(sievefs_[a-z_]*\) "\(.*\)"$/\1(\2)/p' "$2" | sed 's/" "/, /g' | sort >"$work/man"
[ -s "$work/header" ] || fail "no function is found in the header"
diff "$work/header" "$work/man" || fail "header (<) and man page (>) differ"
grep -o 'E[A-Z]*' "$2" | sort -u >"$work/errors"
for error in $(grep -o '[-]E[A-Z]*' "$1" | tr -d - | sort -u); do
	grep -qx "$error" "$work/errors" || fail "the man page lacks $error"
done
