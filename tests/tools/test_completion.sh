#!/bin/bash
#
# What bash completes for sievefs and sievectl, asked as readline does; with a mount where one can be made.
#
# usage: test_completion.sh COMPLETION SIEVEFS SIEVECTL
set -u

fail() { echo "FAILED: $1"; exit 1; }

sievefs=$(readlink -f "$2")
sievectl=$(readlink -f "$3")
work=$(mktemp -d /tmp/sievefs-completion-XXXXXX)
daemon=
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
	umount "$work/a mount" 2>/dev/null
	[ -z "$daemon" ] || { kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null; }
	rm -rf "$work"
}
trap clean_up EXIT
# shellcheck disable=SC1090
. "$1" || fail "$1 cannot be read"

# complete_words FUNCTION WORD…: the last word is being completed; as bash breaks the line, "=" and ":" are words
complete_words() {
	local function=$1 word
	shift
	COMP_LINE=$* COMP_POINT=${#COMP_LINE} COMP_WORDS=()
	for word; do
		while [[ $word == *[=:]* ]]; do
			COMP_WORDS+=("${word%%[=:]*}" "=")
			word=${word#*[=:]}
		done
		COMP_WORDS+=("$word")
	done
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
}

# expect WHAT WORD…: COMPREPLY is exactly these, in any order
expect() {
	local what=$1 got wanted
	shift
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
	wanted=$(printf '%s\n' "$@" | sort)
	[ "$got" = "$wanted" ] || fail "$what: got \"${got//$'\n'/ }\", wanted \"${wanted//$'\n'/ }\""
}

# The commands are those that sievectl's help lists
mapfile -t commands < <("$sievectl" -h | awk '/^  [a-z]/ { print $1 }')
[[ " ${commands[*]} " == *" stat "* ]] && [[ " ${commands[*]} " == *" reload "* ]] || fail "sievectl -h lists: ${commands[*]}"
complete_words _sievectl "$sievectl" ""
expect "commands" "${commands[@]}"
complete_words _sievectl "$sievectl" rel
expect "a command's beginning" reload
for command in "${commands[@]}"; do
	"$sievectl" "$command" --no-such-flag / 2>&1 | grep -q "unknown command" && fail "$command is no command"
done

# Flags of one command, and of none
complete_words _sievectl "$sievectl" stat /mnt --
expect "flags of stat" --json
complete_words _sievectl "$sievectl" reload -
expect "flags of reload"
complete_words _sievectl "$sievectl" --v
expect "flags of sievectl" --version

# sievefs: flags, options, values
complete_words _sievefs "$sievefs" --h
expect "flags of sievefs" --help
mapfile -t options < <("$sievefs" --help | awk '/^  [a-z_]+=/ { sub(/=.*/, "="); print $1 }')
[ ${#options[@]} -gt 20 ] || fail "sievefs --help lists: ${options[*]}"
complete_words _sievefs "$sievefs" -o ""
expect "options" "${options[@]}"
complete_words _sievefs "$sievefs" -o evi
expect "an option's beginning" evict=
complete_words _sievefs "$sievefs" -o mid=
expect "values" plain direct
complete_words _sievefs "$sievefs" -o ro,mid=plain,sma
expect "a second option" plain,small_max=
complete_words _sievefs "$sievefs" -o cache_size=1G,mid=d
expect "a value's beginning" direct
complete_words _sievefs "$sievefs" -o cache_size=
expect "a number"
complete_words _sievefs "$sievefs" -o dirty_max=k
expect "a word beside a number" kernel

# Directories for SOURCE and MOUNTPOINT
mkdir "$work/source" "$work/a mount"
touch "$work/file"
complete_words _sievefs "$sievefs" "$work/s"
expect "directories" "$work/source"

# Mount points, with blanks in them
if [ "$(id -u)" != 0 ] || [ ! -c /dev/fuse ]; then
	echo "not tried: mount points, which need root and /dev/fuse"
	exit 0
fi
"$sievefs" -f -o cache_size=16M "$work/source" "$work/a mount" 2>"$work/log" &
daemon=$!
for _ in $(seq 100); do
	mountpoint -q "$work/a mount" && break
	sleep 0.1
done
mountpoint -q "$work/a mount" || fail "does not mount: $(cat "$work/log")"
complete_words _sievectl "$sievectl" stat ""
printf '%s\n' "${COMPREPLY[@]}" | grep -qxF "$work/a mount" || fail "mount points: got \"${COMPREPLY[*]}\""
! printf '%s\n' "${COMPREPLY[@]}" | grep -qx / || fail "mount points of others are offered"
complete_words _sievectl "$sievectl" stat "$work/a"
expect "a mount point's beginning" "$work/a mount"
echo "all completions are right"
