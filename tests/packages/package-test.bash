# What every package test starts with: its place and the rpm2deb under test. Sourced.
# shellcheck shell=bash
here=$(dirname "$(readlink -f "$0")")
. "$here/../cases.bash"
export corpus=$here/corpus
rpm2deb=${RPM2DEB:-$here/../../target/debug/rpm2deb}
export SOURCE_DATE_EPOCH=1700000000 LC_ALL=C.UTF-8 TZ=UTC

# converted DIR OPTION...: the corpus, as .debs in DIR
converted() {
    mkdir -p "$1"
    "$rpm2deb" convert "$corpus"/*.rpm -o "$@" >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
}

[[ -x $rpm2deb ]] || skip_all "no rpm2deb at $rpm2deb (cargo build makes it)"
