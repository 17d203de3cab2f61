# What every test of lpar-kconfig starts with: its place, the program under test, packages of Debian's archive. Sourced.
# shellcheck shell=bash
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/../cases.bash"
lpar_kconfig=${LPAR_KCONFIG:-$here/../../target/debug/lpar-kconfig}
[[ -x $lpar_kconfig ]] || skip_all "no lpar-kconfig at $lpar_kconfig (cargo build makes it)"
export NO_COLOR=1 LC_ALL=C.UTF-8
# One that is built already does not wait for other builds.
xtask=(cargo xtask)
[[ -z ${LPARKIT_XTASK:-} ]] || xtask=("$LPARKIT_XTASK")

# fetch NAME: sets deb, the package that archive.toml pins; false, and said, where there is none of that name any more
fetch() {
    if deb=$(cd "$here" && "${xtask[@]}" fetch "$1" 2>"$work/fetch.log"); then return 0; fi
    if grep -q SHA-256 "$work/fetch.log"; then verdict "$1 is what was pinned" false <"$work/fetch.log"; fi
    echo "skip - $1: $(tail -n1 "$work/fetch.log")"
    return 1
}
# stock NAME [-64k]: sets config, Debian's configuration of that name and flavour; false where `fetch` is
stock() {
    fetch "$1" || return 1
    [[ -d $work/$1 ]] || dpkg-deb --extract "$deb" "$work/$1"
    # shellcheck disable=SC2034
    config=$(echo "$work/$1"/usr/src/linux-config-*/config.*_powerpc64le"${2:-}".xz)
}
# sets CONFIGURATION: a line a set: its name, pass or fail, which options are missing
sets() {
    "$lpar_kconfig" check --json "$1" >"$work/report.json" || (($? == 1))
    jq -r '.sets[] | [.name, .verdict, (.options[] | select(.verdict == "missing").symbol)] | join(" ")' "$work/report.json"
}
# is_expected FILE COMMAND...: what the command prints is what the file has; with --bless on the step's command line it will be
is_expected() {
    local expected=$here/expected/$1
    "${@:2}" >"$work/shown"
    [[ $bless == no ]] || cp "$work/shown" "$expected"
    diff -u "$expected" "$work/shown"
}
bless=no
[[ ${1:-} != --bless ]] || bless=yes
