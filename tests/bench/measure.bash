# How the benches measure: processes by time(1), medians, ratios. Sourced; the script that does sets runs.
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
