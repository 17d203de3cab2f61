# Runs a scenario with the debug build; its report and logs stay in target/test-logs. Sourced: scenario NAME
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lparlab=${LPARLAB_PROGRAM:-${CARGO_TARGET_DIR:-$root/target}/debug/lparlab}
export LPARLAB_CHECKOUT=$root
cd "$root" || exit 1

# What a guest needs that this machine may not have: said, and skipped.
needs_guests() {
    command -v qemu-system-ppc64 >/dev/null || { echo "there is no qemu-system-ppc64: tools/setup installs it"; exit 77; }
    [[ -c /dev/net/tun ]] || { echo "there is no /dev/net/tun: a lab has no network"; exit 77; }
    unshare --net true 2>/dev/null || unshare --user --net true 2>/dev/null || { echo "no network namespace can be made here"; exit 77; }
    # Always: a test run by hand must not judge an older build.
    [[ -n ${LPARLAB_PROGRAM:-} ]] || cargo build --quiet --locked -p lab
}

scenario() {
    local logs=target/test-logs/lab-$1
    needs_guests
    rm -rf "$logs"
    mkdir -p target/test-logs
    "$lparlab" run "tests/lab/scenarios/$1.toml" --junit "target/test-logs/lab-$1.xml" --json "target/test-logs/lab-$1.json" --logs "$logs"
}
