#!/bin/sh
# sievectl metrics of a live mount: its format, its agreement with the report, and what Prometheus' own reader and
# linter (promtool, of Debian's package prometheus) say of it, where that is installed.
#
# usage: test_metrics_live.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

here=$(dirname "$(readlink -f "$0")")
sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
needs python3

make_work metrics
mnt=$work/m\"nt # to be escaped
mkdir "$mnt"
head -c 100000 /dev/urandom >"$work/src/file"

started=$(date +%s)
mount_it -o cache_size=64M,admit=1,settle=0,dirty_expire=5

for _ in 1 2 3; do
	cat "$mnt/file" >/dev/null
done
"$sievectl" stat "$mnt" --json >"$work/report" || fail "stat"
"$sievectl" metrics "$mnt" >"$work/metrics" || fail "metrics"
"$here/check_openmetrics.py" "$work/metrics" "$work/report" || fail "not OpenMetrics, or not what the report says"
grep -qF "mountpoint=\"$work/m\\\"nt\"" "$work/metrics" || fail "does not name the mount point"
start=$(sed -n 's/^sievefs_start_time_seconds //p' "$work/metrics")
if [ "$start" -lt "$started" ] || [ "$start" -gt "$(date +%s)" ]; then fail "started at $start, not $started"; fi
opens=$(awk '/^sievefs_opens_total/ { n += $2 } END { print n }' "$work/metrics")
[ "$opens" = 3 ] || fail "counts $opens opens, not 3"
if grep -q '^sievefs_trail_' "$work/metrics" && grep -q '^sievefs_dirty_' "$work/metrics"; then
	"$here/check_dashboard.py" "$here/../../docs/grafana.json" "$work/metrics" ||
		fail "the dashboard asks for what is not there"
else
	echo "no cachestat(2), so this mount lacks metrics that the dashboard shows: that was not compared"
fi

if "$sievectl" metrics "$mnt" --json 2>"$work/error"; then fail "takes --json"; fi
if command -v setpriv >/dev/null; then
	setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" metrics "$mnt" >/dev/null ||
		fail "another user may not ask"
fi

if ! command -v promtool >/dev/null; then
	echo "the format and the report agree; promtool is not installed, so Prometheus was not asked"
	exit 0
fi
# Its reader of OpenMetrics takes only samples with a time.
sed "/^[^#]/s/\$/ $start/" "$work/metrics" >"$work/timed"
promtool tsdb create-blocks-from openmetrics "$work/timed" "$work/blocks" >"$work/answer" 2>&1 ||
	fail "promtool reads it not: $(cat "$work/answer")"
# Its linter takes only the older format.
sed -f "$here/openmetrics_to_text.sed" "$work/metrics" >"$work/text"
promtool check metrics <"$work/text" >"$work/answer" 2>&1 || fail "promtool finds: $(cat "$work/answer")"
[ ! -s "$work/answer" ] || fail "promtool finds: $(cat "$work/answer")"
echo "all metrics are right"
