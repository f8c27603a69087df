#!/bin/sh
# shellcheck disable=SC1091,SC2154
# enter - runs a command beside the cluster of the tests, in its namespaces, and does for it what only this shell can:
# lines that the command writes to $WORK/questions are evaluated. For each, a line is written to $WORK/answers: "done"
# (what was printed is in $WORK/answer), or, as the last one, "failed" and why. $WORK is the cluster's $work.
#
# usage: enter SIEVEFS SIEVECTL SYSTEM COMMAND…
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"

cluster_begin bench "$@"
shift 3
cluster_start

fail() {
	echo "failed $(echo "$1" | tr '\n' ' ')" >&4
	exit 1
}

mkfifo "$work/questions" "$work/answers"
exec 3<>"$work/questions" 4<>"$work/answers"
(
	status=0
	WORK=$work setpriv --pdeathsig TERM "$@" 3>&- 4>&- || status=$?
	echo end >&3
	exit $status
) &
command=$!
while IFS= read -r line <&3 && [ "$line" != end ]; do
	eval "$line" >"$work/answer" || fail "$line: $?"
	echo 'done' >&4
done
wait $command
