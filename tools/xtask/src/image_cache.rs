//! Which images stay in the cache: those that somebody asked for lately.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

/// An image that nobody has asked for in so long is of programs that are built no more. A running lab needs its own when a partition
/// migrates, and no lab runs so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Notes that `image` is used, and removes those below `images` that are not.
pub(crate) fn tidy(images: &Path, image: &Path) -> Result<()> {
    let now = SystemTime::now();
    note_use(image, now)?;
    forget_unused(images, now)
}

/// The directory's time of modification is that of its last use.
fn note_use(image: &Path, now: SystemTime) -> Result<()> {
    File::open(image)
        .and_then(|dir| dir.set_modified(now))
        .with_context(|| format!("note the use of {}", image.display()))
}

fn forget_unused(images: &Path, now: SystemTime) -> Result<()> {
    for entry in fs::read_dir(images).with_context(|| format!("list {}", images.display()))? {
        let path = entry?.path();
        let used = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let used = used.with_context(|| format!("look at {}", path.display()))?;
        if now.duration_since(used).is_ok_and(|age| age > KEPT) {
            fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_image_is_forgotten_when_nobody_asked_for_it_for_long() {
        let images = tempfile::tempdir().unwrap();
        let (old, new) = (images.path().join("old"), images.path().join("new"));
        let began = SystemTime::now();
        for image in [&old, &new] {
            fs::create_dir(image).unwrap();
            fs::write(image.join("vmlinux"), "").unwrap();
            note_use(image, began).unwrap();
        }
        note_use(&new, began + KEPT).unwrap();
        forget_unused(images.path(), began + KEPT).unwrap();
        assert!(old.exists() && new.exists());
        forget_unused(images.path(), began + KEPT + Duration::from_secs(1)).unwrap();
        assert!(!old.exists() && new.exists());
    }
}
