//! Files that RPM keeps elsewhere than Debian: documentation under another name, licences, and, if asked for, libraries.

use std::collections::BTreeSet;

use crate::event::Notice;
use crate::printable::printable;
use crate::tree::TreePath;

/// Which directories move. Prefixes are relative, without a final slash.
#[derive(Debug, Clone, Default)]
pub struct Relocation {
    /// (from, to): `usr/lib64` -> `usr/lib/powerpc64le-linux-gnu`.
    moves: Vec<(TreePath, TreePath)>,
    /// The moves of [`Relocation::moves`] that take libraries along.
    library_moves: usize,
}

impl Relocation {
    /// Documentation and licences of `rpm_name` (with or without its version) go to Debian's `usr/share/doc/NAME`;
    /// libraries go to the multiarch directory of `triplet`, if one is given.
    pub fn new(rpm_name: &str, rpm_version: &str, debian_name: &str, triplet: Option<&str>) -> Self {
        let mut moves = Vec::new();
        if let Some(triplet) = triplet {
            let multiarch = format!("usr/lib/{triplet}").into_bytes();
            moves.push((b"usr/lib64".to_vec(), multiarch.clone()));
            moves.push((b"lib64".to_vec(), multiarch));
        }
        let library_moves = moves.len();
        let documentation = format!("usr/share/doc/{debian_name}").into_bytes();
        for base in ["usr/share/doc", "usr/share/licenses"] {
            for name in [format!("{rpm_name}-{rpm_version}"), rpm_name.to_owned()] {
                let from = format!("{base}/{name}").into_bytes();
                if from != documentation {
                    moves.push((from, documentation.clone()));
                }
            }
        }
        Self { moves, library_moves }
    }

    /// New places for all paths of a package. A file whose new place is taken stays where it was; directories
    /// (`is_directory` of the position) merge: two of them may come out as one path.
    pub fn map_all(
        &self,
        paths: &[TreePath],
        is_directory: &dyn Fn(usize) -> bool,
        notices: &mut Vec<Notice>,
    ) -> Vec<TreePath> {
        let mut taken: BTreeSet<TreePath> = paths.iter().filter(|path| self.map(path).is_none()).cloned().collect();
        let mut reported: BTreeSet<&TreePath> = BTreeSet::new();
        paths
            .iter()
            .enumerate()
            .map(|(position, path)| {
                let Some((target, rule)) = self.map(path) else { return path.clone() };
                if !taken.insert(target.clone()) && !is_directory(position) {
                    notices.push(Notice::warning(
                        "path-not-moved",
                        printable(path),
                        format!("stays, because '{}' exists in the package too", printable(&target)),
                    ));
                    return path.clone();
                }
                if reported.insert(&rule.0) {
                    notices.push(Notice::note(
                        "path-moved",
                        printable(&rule.0),
                        format!("moved to {}, where Debian keeps such files", printable(&rule.1)),
                    ));
                }
                target
            })
            .collect()
    }

    fn map(&self, path: &[u8]) -> Option<(TreePath, &(TreePath, TreePath))> {
        self.moves.iter().find_map(|rule| {
            let rest = path.strip_prefix(rule.0.as_slice())?;
            let inside = rest.is_empty() || rest.starts_with(b"/");
            inside.then(|| ([rule.1.as_slice(), rest].concat(), rule))
        })
    }

    /// The target of a symlink that moved from `source` to `path`, or points at something that moves.
    ///
    /// A link whose two ends move alike keeps its text.
    pub fn map_link(&self, source: &[u8], path: &[u8], link: &[u8]) -> Vec<u8> {
        let Some(old_target) = resolve(source, link) else { return link.to_vec() };
        let new_target = self.map(&old_target).map_or_else(|| old_target.clone(), |(target, _)| target);
        if link.starts_with(b"/") {
            return if new_target == old_target { link.to_vec() } else { [b"/", new_target.as_slice()].concat() };
        }
        if source == path && new_target == old_target {
            return link.to_vec();
        }
        let rewritten = relative(path, &new_target);
        if resolve(path, link).as_deref() == Some(new_target.as_slice()) { link.to_vec() } else { rewritten }
    }

    /// A small text file that tells others where the libraries are, and would now tell them wrong.
    pub fn names_moved_directory(&self, source: &[u8], target: &[u8]) -> bool {
        self.library_moves > 0 && source != target && (source.ends_with(b".pc") || source.ends_with(b".la"))
    }

    /// Replaces the old library directory by the new one in a `.pc` or `.la` file.
    pub fn rewrite(&self, text: &[u8]) -> Vec<u8> {
        let mut output = text.to_vec();
        for (from, to) in &self.moves[..self.library_moves] {
            output = replace_directory(&output, from, to);
        }
        output
    }
}

/// Replaces `/from` where it stands as a whole directory name: not `/usr/lib64` in `/usr/lib64x`, nor `/lib64` in
/// `/usr/lib64`.
fn replace_directory(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let from = [b"/", from].concat();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let mut output = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let ends = at + from.len();
        let starts_fresh = match &text[..at] {
            // The start, and linker and compiler flags: -L/usr/lib64.
            [] | [.., b'-', b'L' | b'I' | b'R'] => true,
            [.., before] => !is_name(*before) && *before != b'}',
        };
        if starts_fresh && text[at..].starts_with(&from) && text.get(ends).is_none_or(|byte| !is_name(*byte)) {
            output.push(b'/');
            output.extend_from_slice(to);
            at = ends;
        } else {
            output.push(text[at]);
            at += 1;
        }
    }
    output
}

/// The path that a symlink at `source` names, or `None` if it climbs out of the root.
fn resolve(source: &[u8], link: &[u8]) -> Option<TreePath> {
    let mut components: Vec<&[u8]> = if link.starts_with(b"/") { Vec::new() } else { split(source) };
    if !link.starts_with(b"/") {
        components.pop();
    }
    for component in split(link) {
        match component {
            b"." => {}
            b".." => {
                components.pop()?;
            }
            name => components.push(name),
        }
    }
    Some(components.join(&b'/'))
}

fn relative(path: &[u8], target: &[u8]) -> Vec<u8> {
    let mut from = split(path);
    from.pop();
    let to = split(target);
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut parts: Vec<&[u8]> = vec![b".."; from.len() - shared];
    parts.extend(&to[shared..]);
    parts.join(&b'/')
}

fn split(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn librtas() -> Relocation {
        Relocation::new("Librtas", "2.0", "librtas", Some("powerpc64le-linux-gnu"))
    }

    #[test]
    fn files_go_where_debian_keeps_them() {
        let cases = [
            ("usr/lib64/librtas.so.2", "usr/lib/powerpc64le-linux-gnu/librtas.so.2"),
            ("lib64", "usr/lib/powerpc64le-linux-gnu"),
            ("usr/lib64x/y", "usr/lib64x/y"),
            ("usr/share/doc/Librtas-2.0/README", "usr/share/doc/librtas/README"),
            ("usr/share/licenses/Librtas/COPYING", "usr/share/doc/librtas/COPYING"),
            ("usr/share/doc/other/README", "usr/share/doc/other/README"),
        ];
        for (from, to) in cases {
            let mapped = librtas().map_all(&[from.as_bytes().to_vec()], &|_| false, &mut Vec::new());
            assert_eq!(String::from_utf8_lossy(&mapped[0]), to);
        }
    }

    #[test]
    fn a_taken_place_is_respected_and_reported() {
        let mut notices = Vec::new();
        let paths = [b"usr/share/doc/librtas/COPYING".to_vec(), b"usr/share/licenses/Librtas/COPYING".to_vec()];
        assert_eq!(librtas().map_all(&paths, &|_| false, &mut notices), paths);
        assert_eq!(notices[0].rule, "path-not-moved");
    }

    #[test]
    fn directories_of_documents_and_licenses_become_one() {
        let mut notices = Vec::new();
        let paths = [b"usr/share/doc/librtas".to_vec(), b"usr/share/licenses/Librtas".to_vec()];
        assert_eq!(librtas().map_all(&paths, &|_| true, &mut notices), vec![paths[0].clone(); 2]);
        assert!(notices.iter().all(|notice| notice.rule == "path-moved"));
    }

    #[test]
    fn links_still_lead_where_they_led() {
        let cases = [
            // (link at, its target, link's new place, new target)
            ("usr/lib64/a.so", "a.so.2", "usr/lib/powerpc64le-linux-gnu/a.so", "a.so.2"),
            ("usr/lib64/a.so", "../../etc/a", "usr/lib/powerpc64le-linux-gnu/a.so", "../../../etc/a"),
            ("usr/bin/a", "../lib64/a.so", "usr/bin/a", "../lib/powerpc64le-linux-gnu/a.so"),
            ("usr/bin/a", "/usr/lib64/a.so", "usr/bin/a", "/usr/lib/powerpc64le-linux-gnu/a.so"),
            ("usr/bin/a", "/opt/x", "usr/bin/a", "/opt/x"),
            ("usr/bin/a", "../../../../x", "usr/bin/a", "../../../../x"),
        ];
        for (source, link, path, expected) in cases {
            let mapped = librtas().map_link(source.as_bytes(), path.as_bytes(), link.as_bytes());
            assert_eq!(String::from_utf8_lossy(&mapped), expected, "{source} -> {link}");
        }
    }

    #[test]
    fn pc_and_la_files_follow_the_libraries() {
        let text = b"libdir=/usr/lib64\nx=/usr/lib64x\nflags=-L/lib64 -L/usr/lib64/sub\n";
        let expected = "libdir=/usr/lib/powerpc64le-linux-gnu\nx=/usr/lib64x\nflags=-L/usr/lib/powerpc64le-linux-gnu -L/usr/lib/powerpc64le-linux-gnu/sub\n";
        assert_eq!(String::from_utf8_lossy(&librtas().rewrite(text)), expected);
    }
}
