# What tests/bench/convert compares: rpm2deb, alien and the floor, each on the same package. Sourced after measure.bash.
# shellcheck shell=bash disable=SC2154
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
    rm -rf "$scratch/alien" && mkdir "$scratch/alien" && cd "$scratch/alien" || exit
    "$@"
    cd "$back" || exit
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
