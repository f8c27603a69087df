#!/bin/sh
# sievefs-replay(1) has an item for each option of both programs, with the same argument, and for each kind of
# trace, and for nothing else; what it shows to be typed is accepted.
#
# usage: test_replay_man.sh REPLAY TRACEGEN PAGE
set -eu

fail() { echo "FAILED: $1"; exit 1; }

replay=$(readlink -f "$1") tracegen=$(readlink -f "$2") page=$(readlink -f "$3")
work=$(mktemp -d /tmp/sievefs-replay-man-XXXXXX)
trap 'rm -rf "$work"' EXIT

# "-V, --version" and "--sizes=list", one a line, arguments in lower case
help_options() {
	"$1" --help | sed -n 's/^  \(-[^ ,]*\(, --[^ ]*\)\{0,1\}\)\( .*\)\{0,1\}$/\1/p' | awk -F = '
		NF > 1 { print $1 "=" tolower($2); next } { print }' | sort
}
# the same of the page's part that is about one program
page_options() {
	sed -n "$1p" "$page" | sed -n 's/^\.It Fl \(Fl\|[A-Za-z] ,\)/&/p' |
		sed 's/^\.It //; s/ , Fl Fl /, --/; s/^Fl Fl /--/; s/^Fl /-/; s/ Ns = Ns A[r] /=/; s/ Ns = Ns Cm /=/; s/ | /|/' | sort
}
# A choice is named by its values in the page, and may have a name in --help.
same_options() {
	help_options "$1" | sed 's/=list|all$/=list/; s/=format$/=csv|sievefs/' >"$work/help"
	page_options "$2" >"$work/page"
	[ "$(wc -l <"$work/help")" -ge "$3" ] || fail "no more than these options are found: $(cat "$work/help")"
	diff "$work/help" "$work/page" || fail "$1: --help (<) and sievefs-replay(1) (>) have other options"
}
same_options "$replay" '1,/^\.Ss Traces/' 14
same_options "$tracegen" '/^\.Ss Synthetic traces/,/^\.Sh EXIT/' 11

"$tracegen" --help | sed -n '/^KIND is one of/,$s/^  \([a-z]*\) .*/\1/p' | sort >"$work/help"
sed -n '/^\.Ss Synthetic traces/,/^\.Sh/s/^\.It Cm //p' "$page" | sort >"$work/page"
[ -s "$work/help" ] || fail "--help lists no kinds"
diff "$work/help" "$work/page" || fail "--help (<) and sievefs-replay(1) (>) have other kinds"

# The examples, over small traces; opens.trace is what sievectl would have recorded.
cd "$work"
"$tracegen" --files=100 --opens=1000 --format=sievefs zipf >opens.trace
sed -n 's/^\.Dl \(sievefs-.*\)/\1/p' "$page" >commands
[ "$(wc -l <commands)" = 3 ] || fail "the examples are not found: $(cat commands)"
mkdir bin
ln -s "$replay" bin/sievefs-replay
printf '#!/bin/sh\nexec "%s" --files=100 --opens=1000 --cold=10 "$@"\n' "$tracegen" >bin/sievefs-tracegen
chmod 755 bin/sievefs-tracegen
PATH=$work/bin:$PATH sh -eu commands >out || fail "an example is refused: $(cat out)"
[ "$(grep -c '^| s3gd ' out)" = 2 ] || fail "the examples print something else: $(cat out)"
as_a_mount=$(sed -n 's/^\.Dl \(--.*\)/\1/p' "$page")
# shellcheck disable=SC2086 # the options are words
"$replay" --sizes=10% $as_a_mount opens.trace >out || fail "what a mount does is refused: $as_a_mount"
"$replay" --help | grep -qFe "$as_a_mount" || fail "--help says something else of what a mount does"

# The exit status that it names
status=0
"$replay" --sizes=10% nowhere 2>error || status=$?
[ "$status" = 1 ] || fail "a trace that is not there gives $status"
status=0
"$replay" --sizes=10%% opens.trace 2>error || status=$?
[ "$status" = 2 ] || fail "a wrong size gives $status"
echo "options, kinds and examples agree"
