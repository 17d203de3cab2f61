//! SHA-256, the digest that costs most: an RPM announces it for the payload, for the archive in it and for each file.
//!
//! Without the processor's own SHA instructions ring's assembly takes half the time of sha2's portable code. Only x86_64 uses
//! it: on arm64 sha2 has the instructions too, and elsewhere ring is no faster, and not known to work on big endian.

#[cfg(target_arch = "x86_64")]
pub use with_ring::Sha256;

#[cfg(not(target_arch = "x86_64"))]
pub use sha2::Sha256;

#[cfg(target_arch = "x86_64")]
mod with_ring {
    use std::fmt;

    use ring::digest::{Context, SHA256};
    use sha2::digest::block_api::BlockSizeUser;
    use sha2::digest::consts::{U32, U64};
    use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};

    /// SHA-256 by ring, with the face of sha2's.
    #[derive(Clone)]
    pub struct Sha256(Context);

    impl fmt::Debug for Sha256 {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_struct("Sha256").finish_non_exhaustive()
        }
    }

    impl Default for Sha256 {
        fn default() -> Self {
            Self(Context::new(&SHA256))
        }
    }

    impl HashMarker for Sha256 {}

    impl BlockSizeUser for Sha256 {
        type BlockSize = U64;
    }

    impl OutputSizeUser for Sha256 {
        type OutputSize = U32;
    }

    impl Update for Sha256 {
        fn update(&mut self, data: &[u8]) {
            self.0.update(data);
        }
    }

    impl FixedOutput for Sha256 {
        fn finalize_into(self, out: &mut Output<Self>) {
            out.copy_from_slice(self.0.finish().as_ref());
        }
    }
}
