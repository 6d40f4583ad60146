# shellcheck shell=sh disable=SC2154
#
# Runs the script $1 as the command that note.sh, which stands before, has noted.
/bin/sh -c "$1" 8>&- 9>&-
_s=$?
printf '%-1023s\n' "$_k $(date -u +%Y%m%dT%H%M%SZ) $_s ." >&9
exit $_s
