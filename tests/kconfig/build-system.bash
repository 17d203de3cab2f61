# The kernel's own build system, which has the last word on a configuration. Sourced after kconfig-test.bash by steps that set tree,
# where the kernel is, and out, where it is configured. Needs flex, bison and the cross compiler; no kernel is built.
# shellcheck shell=bash disable=SC2154
# configured NAME TARGET...: $work/NAME, where it is there, becomes what the build system makes of it
configured() {
    mkdir -p "$out"
    [[ ! -e $work/$1 ]] || cp "$work/$1" "$out/.config"
    make -C "$tree" O="$out" ARCH=powerpc CROSS_COMPILE=powerpc64le-linux-gnu- "${@:2}" >"$work/make.log" 2>&1 || { tail "$work/make.log"; return 1; }
    cp "$out/.config" "$work/$1"
}
olddefconfig() { configured "$1" olddefconfig; }
# merged FRAGMENT NAME: Debian's configuration with the fragment, and what is left of it
merged() {
    "$lpar_kconfig" merge "$work/stock" "$1" -o "$work/$2"
    olddefconfig "$2"
}
# release RELEASE SOURCE [-64k]: sets tree and out, and makes $work/stock; false where one of the two packages is gone
release() {
    stock "$1" "${3:-}" && fetch "$2" || return 1
    xz --decompress --stdout "$config" >"$work/stock"
    tree=$("$here/kernel/tree" "$deb") out=$work/out-$2
}
