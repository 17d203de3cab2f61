//! Options that differ between two builds of the same configuration and mean nothing: compilers, tools, keys.

/// Options by name: what Debian's published configuration and a rebuild of it differ in without anybody's choice. `BT_HS`
/// went in the middle of 6.1's stable updates.
const NAMES: [&str; 13] = [
    "ASSEMBLER_VERSION",
    "AS_VERSION",
    "BT_HS",
    "BUILD_SALT",
    "CC_VERSION_TEXT",
    "CLANG_VERSION",
    "GCC_VERSION",
    "LD_VERSION",
    "LLD_VERSION",
    "MODULE_SIG_ALL",
    "MODULE_SIG_KEY",
    "RUSTC_VERSION_TEXT",
    "SYSTEM_TRUSTED_KEYS",
];
/// Families of options that say what the build machine's tools can do.
const PREFIXES: [&str; 8] = ["AS_HAS_", "AS_IS_", "CC_CAN_", "CC_HAS_", "CC_IS_", "LD_CAN_", "LD_IS_", "PAHOLE_"];

/// Whether a difference in this option says nothing about the kernel.
pub fn is_noise(symbol: &str) -> bool {
    NAMES.contains(&symbol) || PREFIXES.iter().any(|prefix| symbol.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::is_noise;

    #[test]
    fn tools_and_keys_are_noise_and_options_are_not() {
        for symbol in
            ["CC_VERSION_TEXT", "PAHOLE_VERSION", "PAHOLE_HAS_SPLIT_BTF", "CC_HAS_ASM_INLINE", "MODULE_SIG_KEY"]
        {
            assert!(is_noise(symbol), "{symbol}");
        }
        for symbol in ["LPARCFG", "MODULE_SIG", "BT", "CC_OPTIMIZE_FOR_SIZE"] {
            assert!(!is_noise(symbol), "{symbol}");
        }
    }
}
