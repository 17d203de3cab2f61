//! SHA-256, in hexadecimal.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(crate) fn of_file(path: &Path) -> Result<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            let count = file.read(&mut block)?;
            if count == 0 {
                return Ok(hexadecimal(&hash.finalize()));
            }
            hash.update(&block[..count]);
        }
    };
    read().with_context(|| format!("read {}", path.display()))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn empty_is_the_known_digest() {
        assert_eq!(super::of_bytes(b"")[..16], *"e3b0c44298fc1c14");
    }
}
