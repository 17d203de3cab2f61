# The Rust that lparkit is built and tested with: Debian's 1.85, the oldest that Cargo.toml promises, which tools/setup installs. What a
# newer one has to say tests/steps/2-lint tells. Sourced; cargo means this one from then on.
# shellcheck shell=bash
is_oldest() { [[ $(/usr/bin/rustc --version 2>/dev/null) == "rustc 1.85."* ]]; }
if is_oldest; then
    # By its path: a rustup's in ~/.cargo/bin would bring its own compiler.
    cargo() {
        env -u RUSTC_WRAPPER -u RUSTFLAGS -u RUSTUP_TOOLCHAIN -u CARGO RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc /usr/bin/cargo "$@"
    }
fi
