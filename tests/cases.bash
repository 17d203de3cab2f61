# What every step in shell starts with: a scratch directory, and how to report. One line a case ("ok - ", "not ok - ",
# "skip - ") is what tests/run counts. Sourced.
# shellcheck shell=bash
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# verdict NAME COMMAND...: what the command prints is shown when it fails. A function fails where its first command does: bash
# would go on in a condition, hence no `if` around it.
verdict() {
    local name=$1 output status
    shift
    set +e
    output=$(set -e; "$@" 2>&1)
    status=$?
    set -e
    if ((status == 0)); then
        echo "ok - $name"
    else
        failures=$((failures + 1))
        printf 'not ok - %s\n    %s\n' "$name" "${output//$'\n'/$'\n'    }"
    fi
}
# skip_all REASON: the whole test cannot run on this machine.
skip_all() { echo "$1"; exit 77; }
finish() { exit $((failures > 0)); }
