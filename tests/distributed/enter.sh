#!/bin/sh
# shellcheck disable=SC1091,SC2154
# enter - runs a command in the namespaces of the tests' cluster, and evaluates shell lines for it: those that it
# writes to $WORK/questions. For each line one is written to $WORK/answers: "done" (the output is in $WORK/answer) or,
# as the last one, "failed" and why. $WORK is the cluster's $work.
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
