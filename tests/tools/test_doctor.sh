#!/bin/sh
# sievectl doctor: its names, its JSON, its exit status, and what it says of directories that are known.
#
# usage: test_doctor.sh SIEVECTL MANPAGE
set -eu

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

sievectl=$(readlink -f "$1")
page=$(readlink -f "$2")
command -v python3 >/dev/null || skip "needs python3"
work=$(mktemp -d /tmp/sievefs-doctor-XXXXXX)
clean_up() {
	umount "$work/over" 2>/dev/null || true
	umount "$work/tmpfs" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
chmod 755 "$work"
mkdir "$work/src" "$work/tmpfs" "$work/over"

# OUT STATUS: text and JSON say the same, and the exit status follows from them.
cat >"$work/agree.py" <<'END'
import json, re, sys
text, report, status, page = open(sys.argv[1]).read(), json.load(open(sys.argv[2])), int(sys.argv[3]), open(sys.argv[4]).read()
rows = [line.split(None, 2) for line in text.splitlines() if not line.startswith(" ")]
names = [row[0] for row in rows]
assert len(names) == 14 and len(set(names)) == len(names), names
assert list(report["checks"]) == names, "text and JSON have other names"
for name, state, found in rows:
    check = report["checks"][name]
    assert re.fullmatch("[a-z_]+", name), name
    assert state in ("ok", "missing", "unknown"), state
    assert check["state"] == state and check["found"], check
    if name != "memory":
        assert check["found"] == found, (check, found)
    assert bool(check["cost"]) == bool(check["mend"]) == (state != "ok"), check
    assert f"\n.It Cm {name}\n" in page, f"the man page has no {name}"
missing = sum(row[1] == "missing" for row in rows)
assert report["missing"] == missing
assert text.count("  cost") == text.count("  mend") == sum(row[1] != "ok" for row in rows)
assert status == (1 if missing else 0), (status, missing)
END

# agree [COMMAND...] -- [SOURCE]: runs doctor by that command.
agree() {
	before=
	while [ "$1" != -- ]; do before="$before $1"; shift; done
	shift
	status=0
	$before "$sievectl" doctor "$@" >"$work/text" 2>"$work/error" || status=$?
	again=0
	$before "$sievectl" doctor "$@" --json >"$work/json" 2>>"$work/error" || again=$?
	[ "$status" = "$again" ] || fail "doctor $*: status $status, with --json $again"
	[ ! -s "$work/error" ] || fail "doctor $*: $(cat "$work/error")"
	python3 "$work/agree.py" "$work/text" "$work/json" "$status" "$page" || fail "doctor $*: $(cat "$work/text")"
}

state_is() {
	grep -q "^$1  *$2 " "$work/text" || fail "$1 is not $2: $(cat "$work/text")"
}

agree -- "$work/src"
[ -z "$(ls -A "$work/src")" ] || fail "a file was left behind"
agree --
for name in backing handles direct; do state_is "$name" unknown; done

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	state_is allow_other ok

	# A limit that is known
	agree setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource prlimit --nofile=1024:1024 -- "$work/src"
	state_is descriptors missing

	# An ordinary user lacks what only root has
	agree setpriv --reuid 65534 --regid 65534 --clear-groups -- "$work/src"
	for name in passthrough handles memlock; do state_is "$name" missing; done

	if mount -t tmpfs tmpfs "$work/tmpfs" 2>/dev/null; then
		agree -- "$work/tmpfs"
		grep -q '^backing  *ok .*tmpfs' "$work/text" || fail "tmpfs is not told: $(cat "$work/text")"
		for name in direct handles; do state_is "$name" ok; done
		mkdir "$work/tmpfs/up" "$work/tmpfs/work"
		if mount -t overlay overlay -o "lowerdir=$work/src,upperdir=$work/tmpfs/up,workdir=$work/tmpfs/work" \
			"$work/over" 2>/dev/null; then
			agree -- "$work/over"
			grep -q '^backing  *missing .*overlay.*stacked' "$work/text" || fail "overlay is not told: $(cat "$work/text")"
		fi
	fi
fi

# A SOURCE that is none
for bad in "$work/nowhere:No such file or directory" "$sievectl:Not a directory"; do
	status=0
	"$sievectl" doctor "${bad%:*}" >"$work/text" 2>"$work/error" || status=$?
	[ "$status" = 1 ] || fail "$bad: status $status"
	[ "$(cat "$work/error")" = "sievectl: SOURCE ${bad%:*}: ${bad##*:}" ] || fail "$bad: $(cat "$work/error")"
	[ ! -s "$work/text" ] || fail "$bad: prints $(cat "$work/text")"
done
echo "doctor's answers agree"
