#!/bin/sh
# CHANGELOG.md speaks of the version that the program has, and of options and commands that there are.
#
# usage: test_changelog.sh CHANGELOG SIEVEFS SIEVECTL
set -eu

fail() { echo "FAILED: $1"; exit 1; }

version=$("$2" -V | sed 's/^sievefs //')
newest=$(sed -n 's/^## \([0-9.]*\).*/\1/p' "$1" | head -n 1)
[ "$newest" = "$version" ] || fail "the newest entry is $newest, the program is $version"

help=$("$2" --help)
options=$(grep -o '`[a-z_]*=' "$1" | tr -d '`' | sort -u)
[ -n "$options" ] || fail "no option was found in $1"
for option in $options; do
	echo "$help" | grep -q "^  $option" || fail "$option is no option"
done

help=$("$3" --help)
# shellcheck disable=SC2016 # the backquotes are Markdown's
commands=$(grep -o '`sievectl [a-z]*`' "$1" | tr -d '`' | sed 's/^sievectl //' | sort -u)
[ -n "$commands" ] || fail "no command was found in $1"
for command in $commands; do
	echo "$help" | grep -q "^  $command " || fail "$command is no command of sievectl"
done
