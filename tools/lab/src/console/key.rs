//! Key pairs of consoles and agents: made with the managed system or at the enrolment, kept in the lab's directory, readable
//! by its owner alone.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use wire::key::{PrivateKey, PublicKey};

use crate::error::Error;

/// A key file has 48 bytes.
const MAX_FILE_BYTES: u64 = 256;

/// Makes a new pair in the file; one that was there is gone.
pub fn make(path: &Path) -> Result<PublicKey, Error> {
    let failed = |source| Error::io("make the key", path.display(), source);
    let seed = random().map_err(failed)?;
    let key = PrivateKey::from_seed(&seed).map_err(|error| failed(io::Error::other(error)))?;
    let temporary = path.with_extension("new");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary).map_err(failed)?;
    file.write_all(key.as_pkcs8()).and_then(|()| std::fs::rename(&temporary, path)).map_err(failed)?;
    Ok(key.public())
}

/// The pair in the file.
pub fn read(path: &Path) -> Result<PrivateKey, Error> {
    let failed = |source| Error::io("read the key", path.display(), source);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    PrivateKey::from_pkcs8(bytes).map_err(|error| failed(io::Error::other(error)))
}

/// The pair in the file, made if there is none.
pub fn read_or_make(path: &Path) -> Result<PrivateKey, Error> {
    if !path.exists() {
        make(path)?;
    }
    read(path)
}

/// Bytes that nobody can guess.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_its_owner_s_alone_and_another_one_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("frame1.key");
        let first = make(&path).unwrap();
        assert_eq!(read(&path).unwrap().public(), first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(make(&path).unwrap(), first);
        assert_ne!(read(&path).unwrap().public(), first);
        std::fs::write(&path, "no key").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("frame1.key: no private key"));
    }
}
