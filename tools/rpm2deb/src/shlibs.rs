//! stub
/// x
#[derive(Debug, Clone)]
pub struct Shlibs;
impl Shlibs {
    /// x
    pub fn read(_root: &std::path::Path, _arch: &str) -> Result<Self, crate::error::Error> {
        Ok(Self)
    }
}
