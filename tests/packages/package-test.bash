# What every package test starts with: its place, the rpm2deb under test, a scratch directory, and how to report.
# Sourced. One line a case ("ok - ", "not ok - ", "skip - ") is what tests/run counts.
# shellcheck shell=bash
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
export corpus=$here/corpus
rpm2deb=${RPM2DEB:-$here/../../target/debug/rpm2deb}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000 LC_ALL=C.UTF-8 TZ=UTC
failures=0

# verdict NAME COMMAND...: what the command prints is shown when it fails.
verdict() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok - $name"
    else
        failures=$((failures + 1))
        printf 'not ok - %s\n    %s\n' "$name" "${output//$'\n'/$'\n'    }"
    fi
}
# skip_all REASON: the whole test cannot run on this machine.
skip_all() { echo "$1"; exit 77; }
finish() { exit $((failures > 0)); }

# converted DIR OPTION...: the corpus, as .debs in DIR
converted() {
    mkdir -p "$1"
    "$rpm2deb" convert "$corpus"/*.rpm -o "$@" >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
}

[[ -x $rpm2deb ]] || skip_all "no rpm2deb at $rpm2deb (cargo build makes it)"
