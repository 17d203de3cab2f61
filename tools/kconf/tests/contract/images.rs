//! Kernel images, with and without a configuration in them.

use crate::boxes::gzip;

/// A vmlinux: an ELF header's beginning, noise, the configuration as the kernel keeps it, noise.
pub(crate) fn vmlinux(config: &str) -> Vec<u8> {
    let mut image = b"\x7fELF\x02\x01\x01\0".to_vec();
    image.extend(noise(300_000));
    // The mark also stands in the kernel's code, without a configuration behind it.
    image.extend(b"IKCFG_ST\0");
    image.extend(noise(70_000));
    image.extend(b"IKCFG_ST");
    image.extend(gzip(config.as_bytes()));
    image.extend(b"IKCFG_ED");
    image.extend(noise(50_000));
    image
}

/// A zImage: a wrapper with the constants of all decompressors, then the packed vmlinux.
pub(crate) fn vmlinuz(packed: &[u8]) -> Vec<u8> {
    let mut image = b"\x7fELF\x02\x01\x01\0".to_vec();
    image.extend(noise(20_000));
    for constant in [
        &b"\x1f\x8b\x08"[..],
        b"\xfd7zXZ\0",
        b"BZh",
        b"\x5d\0\0\0",
        b"\x02\x21\x4c\x18",
        b"\x28\xb5\x2f\xfd",
        b"\x89LZO\0\r\n\x1a\n",
    ] {
        image.extend(constant);
        image.extend(noise(40));
    }
    image.extend(packed);
    image.extend(noise(5_000));
    image
}

/// Bytes that look random and are the same each time (xorshift).
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}
