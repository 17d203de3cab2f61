# How tests/bench/convert measures. Sourced.
# shellcheck shell=bash
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# timed NAME COMMAND...: appends "cpu wall peak" (s, s, MiB) of the whole process tree to $scratch/NAME.
# time(1) counts hundredths of a second: what is quick runs $repeat times in one measurement.
repeat=1
timed() {
    local name=$1
    shift
    # shellcheck disable=SC2016
    /usr/bin/time --quiet -o "$scratch/time" -f '%U %S %e %M' bash -ec 'for ((n = $1; n > 0; n--)); do "${@:2}"; done' timed "$repeat" "$@" \
        >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; return 1; }
    awk -v n="$repeat" '{ printf "%.4f %.4f %.1f\n", ($1 + $2) / n, $3 / n, $4 / 1024 }' "$scratch/time" >>"$scratch/$name"
}
# median NAME COLUMN
median() { sort -g -k"$2,$2" "$scratch/$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }
row() { printf '  %-10s %9s s CPU %9s s wall %8s MiB peak\n' "$1" "$(median "$1" 1)" "$(median "$1" 2)" "$(median "$1" 3)"; }
# ratio TEXT A B GOAL [COLUMN]: of CPU seconds, or of column 2, wall time
ratio() { printf '  %-34s %7.2f   goal: %s\n' "$1" "$(awk -v a="$(median "$2" "${5:-1}")" -v b="$(median "$3" "${5:-1}")" 'BEGIN { print (b > 0 ? a / b : 0) }')" "$4"; }

convert() { timed rpm2deb "$rpm2deb" convert "$1" -o "$scratch/out" --force --compress "$2" --level "$3" --threads "$4"; }
# The tree that dpkg-deb packs is the one that rpm2deb packed.
floor() {
    local threads=(--threads-max="$4")
    dpkg-deb --help | grep -q threads-max || threads=()
    # shellcheck disable=SC2016
    timed floor bash -c 'rpm2cpio "$1" | cpio --list --quiet >/dev/null; shift; dpkg-deb "$@"' floor "$1" \
        "${threads[@]}" --root-owner-group -Z"$2" -z"$3" -b "$scratch/tree" "$scratch/floor.deb"
}
# alien works in the directory it is called from, and needs root.
alien_d() { repeat=1 in_new_directory timed alien_d "${as_root[@]}" alien -d -c "$1"; }
alien_g() {
    # shellcheck disable=SC2016
    repeat=1 in_new_directory timed alien_g "${as_root[@]}" bash -c 'alien -g -c "$1" && cd */debian/.. && dpkg-architecture -a"$2" -c debian/rules binary' alien "$1" "$2"
}
in_new_directory() {
    local back=$PWD
    rm -rf "$scratch/alien" && mkdir "$scratch/alien" && cd "$scratch/alien"
    "$@"
    cd "$back"
}
as_root=()
((EUID == 0)) || as_root=(sudo)

# compare RPM ARCH COMPRESSION LEVEL THREADS [ALIEN]: alternating runs, a row each
compare() {
    local rpm=$1 arch=$2 run alien=${6:-}
    rm -rf "$scratch"/{rpm2deb,floor,alien_*,out,tree}
    convert "$rpm" "${@:3:3}"
    dpkg-deb --raw-extract "$scratch"/out/*.deb "$scratch/tree"
    rm "$scratch/rpm2deb" # the first run warms the caches
    for ((run = 0; run < runs; run++)); do
        convert "$rpm" "${@:3:3}"
        floor "$rpm" "${@:3:3}"
        [[ -z $alien ]] || "$alien" "$rpm" "$arch"
    done
    for run in rpm2deb floor $alien; do row "$run"; done
}
# memory RPM GOAL OPTION...
memory() {
    rm -f "$scratch/memory"
    timed memory "$rpm2deb" convert "$1" -o "$scratch/out" --force --threads 1 "${@:3}"
    printf '  %-34s %7s   goal: 16 and the compressor; %s\n' "peak memory, MiB" "$(median memory 3)" "$2"
}
# threads RPM: wall time of one thread and of two
threads() {
    local run
    rm -f "$scratch"/{one,two}
    for ((run = 0; run < runs; run++)); do
        timed one "$rpm2deb" convert "$1" -o "$scratch/out" --force --threads 1
        timed two "$rpm2deb" convert "$1" -o "$scratch/out" --force --threads 2
    done
    row one
    row two
    awk -v a="$(median one 2)" -v b="$(median two 2)" 'BEGIN { printf "  %-34s %7.2f   goal: about 2\n", "wall: one thread / two", a / b }'
}
