#!/bin/sh
# Runs a test, and fails it if the sandbox of a daemon that it starts refuses a system call.
#
# usage: in_sandbox.sh TEST ARGUMENT...
log=$(mktemp /tmp/sievefs-sandbox-XXXXXX) || exit 1
trap 'rm -f "$log"' EXIT
status=0
SIEVEFS_SANDBOX_LOG=$log "$@" || status=$?
if [ -s "$log" ]; then
	cat "$log"
	exit 1
fi
exit "$status"
