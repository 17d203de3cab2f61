//! What firmware describes of a connector: the answers of `ibm,configure-connector` (LoPAR 2.9, 13.5.3.5), one after the other, until
//! they are the nodes of the device tree that hang from it.
//!
//! Each answer is a status and a work area. The status says what the area has: a node beside the last one, a node below it, a
//! property of it, or that the last one is finished; 0 is the end. Of the area only the first words have a meaning: the
//! connector, zero, where the name begins, how long the value of a property is and where it begins. All else is firmware's own and
//! goes back to it with the next question.

pub use sysroot::WORK_AREA_BYTES;

use crate::drc::DrcIndex;

const WORD_BYTES: usize = size_of::<u32>();
/// Which word says where the name begins, how long the value is, where the value begins.
const NAME: usize = 2;
const LENGTH: usize = 3;
const VALUE: usize = 4;

/// IEEE 1275 has names of 31 bytes, and a unit address comes behind them.
const NAME_LIMIT_BYTES: usize = 255;
/// Bridges below bridges, as deep as a tree is read.
const DEPTH_LIMIT: usize = 16;
/// A host bridge with all slots full has a few hundred nodes.
const NODE_LIMIT: usize = 4096;
/// A node has some 50 properties, the largest of which are lists of slots with a few KiB.
const LIMIT_BYTES: usize = 4 << 20;

const DONE: i32 = 0;
const SIBLING: i32 = 1;
const CHILD: i32 = 2;
const PROPERTY: i32 = 3;
const PARENT: i32 = 4;

/// A node, parents before their children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// From the node that has the connector: `/ethernet@0`, `/pci@1/ethernet@0`.
    pub path: String,
    /// Name and value, in firmware's order.
    pub properties: Vec<(String, Vec<u8>)>,
}

/// Whether more is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Ask again, with the area as it is.
    More,
    /// That was all.
    All,
}

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Firmware has no description, or wants more memory for it.
    #[error("firmware does not describe the connector (status {0})")]
    Refused(i32),
    /// Something begins or ends outside of the work area.
    #[error("its {what} is outside of the work area ({at} and {length} bytes)")]
    Outside {
        /// What.
        what: &'static str,
        /// Where it should begin.
        at: u32,
        /// How long it should be.
        length: u32,
    },
    /// A name that no node or property can have.
    #[error("'{0}' is not a name")]
    Name(String),
    /// A property, a sibling or an end where no node is open, or an end without any node.
    #[error("it goes on where nothing has begun")]
    Nowhere,
    /// Two nodes of one name in one place.
    #[error("the node {0} comes twice")]
    Twice(String),
    /// More than any machine has.
    #[error("it has more than {limit} {of_what}")]
    TooMuch {
        /// How many there may be.
        limit: usize,
        /// Of what.
        of_what: &'static str,
    },
}

/// The work area of the first question.
pub fn question(index: DrcIndex) -> [u8; WORK_AREA_BYTES] {
    let mut area = [0; WORK_AREA_BYTES];
    for (byte, of_index) in area.iter_mut().zip(index.0.to_be_bytes()) {
        *byte = of_index;
    }
    area
}

/// A description as far as it has been told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    nodes: Vec<Node>,
    /// The last node and those above it, by their positions.
    open: Vec<usize>,
    bytes: usize,
}

impl Description {
    /// Takes one answer. A status that asks for patience is the caller's.
    pub fn take(&mut self, status: i32, area: &[u8]) -> Result<Told, Problem> {
        match status {
            DONE if self.nodes.is_empty() => return Err(Problem::Nowhere),
            DONE => return Ok(Told::All),
            SIBLING => {
                self.open.pop().ok_or(Problem::Nowhere)?;
                self.begin(area)?;
            }
            CHILD => self.begin(area)?,
            PROPERTY => self.add_property(area)?,
            PARENT => {
                self.open.pop().ok_or(Problem::Nowhere)?;
            }
            refused => return Err(Problem::Refused(refused)),
        }
        Ok(Told::More)
    }

    /// All nodes, parents first.
    pub fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    /// A node below the last one that is open.
    fn begin(&mut self, area: &[u8]) -> Result<(), Problem> {
        let above = self.open.last().and_then(|position| self.nodes.get(*position)).map(|node| node.path.as_str());
        let path = format!("{}/{}", above.unwrap_or_default(), name_in(area)?);
        if self.nodes.iter().any(|node| node.path == path) {
            return Err(Problem::Twice(path));
        }
        self.count(path.len())?;
        bounded("levels", self.open.len() + 1, DEPTH_LIMIT)?;
        bounded("nodes", self.nodes.len() + 1, NODE_LIMIT)?;
        self.open.push(self.nodes.len());
        self.nodes.push(Node { path, properties: Vec::new() });
        Ok(())
    }

    fn add_property(&mut self, area: &[u8]) -> Result<(), Problem> {
        let (name, value) = (name_in(area)?, value_in(area)?);
        self.count(name.len() + value.len())?;
        let node = self.open.last().and_then(|position| self.nodes.get_mut(*position)).ok_or(Problem::Nowhere)?;
        node.properties.push((name, value.to_vec()));
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        bounded("bytes", self.bytes, LIMIT_BYTES)
    }
}

fn bounded(of_what: &'static str, found: usize, limit: usize) -> Result<(), Problem> {
    if found > limit { Err(Problem::TooMuch { limit, of_what }) } else { Ok(()) }
}

fn word(area: &[u8], position: usize) -> Result<u32, Problem> {
    let bytes = area.get(position * WORD_BYTES..).and_then(|rest| rest.first_chunk());
    bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(Problem::Outside { what: "header", at: 0, length: 0 })
}

/// What begins at an offset; the words in front are no place for it.
fn from(area: &[u8], at: u32) -> Option<&[u8]> {
    let at = usize::try_from(at).ok().filter(|at| *at > NAME * WORD_BYTES)?;
    area.get(at..)
}

/// The name, of a node as of a property: printable, and nothing that separates names elsewhere (`/` and `:` in paths, a blank in
/// the kernel's ofdt).
fn name_in(area: &[u8]) -> Result<String, Problem> {
    let at = word(area, NAME)?;
    let outside = Problem::Outside { what: "name", at, length: 0 };
    let room = from(area, at).ok_or_else(|| outside.clone())?;
    let length = room.iter().take(NAME_LIMIT_BYTES + 1).position(|byte| *byte == 0).ok_or(outside)?;
    let name = String::from_utf8_lossy(room.get(..length).unwrap_or_default()).into_owned();
    let fits = name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/:".contains(&byte));
    if fits && !["", ".", ".."].contains(&name.as_str()) { Ok(name) } else { Err(Problem::Name(name)) }
}

fn value_in(area: &[u8]) -> Result<&[u8], Problem> {
    let (length, at) = (word(area, LENGTH)?, word(area, VALUE)?);
    if length == 0 {
        return Ok(&[]);
    }
    let bytes = usize::try_from(length).ok().and_then(|length| from(area, at)?.get(..length));
    bytes.ok_or(Problem::Outside { what: "value", at, length })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const INDEX: DrcIndex = DrcIndex(0x4000_0001);

    /// A work area with these words, name and value.
    fn area(name_at: u32, length: u32, value_at: u32, parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut area = question(INDEX).to_vec();
        for (position, word) in [name_at, length, value_at].into_iter().enumerate() {
            area[8 + position * 4..][..4].copy_from_slice(&word.to_be_bytes());
        }
        for (at, bytes) in parts {
            area[*at..][..bytes.len()].copy_from_slice(bytes);
        }
        area
    }

    fn named(name: &str) -> Vec<u8> {
        area(20, 0, 0, &[(20, name.as_bytes())])
    }

    fn property(name: &str, value: &[u8]) -> Vec<u8> {
        area(20, u32::try_from(value.len()).unwrap(), 64, &[(20, name.as_bytes()), (64, value)])
    }

    fn told(answers: &[(i32, Vec<u8>)]) -> Result<Vec<Node>, Problem> {
        let mut description = Description::default();
        for (status, area) in answers {
            if description.take(*status, area)? == Told::All {
                return Ok(description.into_nodes());
            }
        }
        panic!("it has no end")
    }

    fn paths(answers: &[(i32, Vec<u8>)]) -> Vec<String> {
        told(answers).unwrap().into_iter().map(|node| node.path).collect()
    }

    #[test]
    fn the_first_question_names_the_connector() {
        let area = question(INDEX);
        assert_eq!((&area[..4], area[4..].iter().max()), (&[0x40, 0, 0, 1][..], Some(&0)));
    }

    #[test]
    fn a_card_is_a_node_with_its_properties() {
        let answers = [
            (CHILD, named("ethernet@0")),
            (PROPERTY, property("ibm,my-drc-index", &[0x40, 0, 0, 1])),
            (PROPERTY, property("ibm,usable", b"")),
            (DONE, named("")),
        ];
        let properties = vec![("ibm,my-drc-index".to_owned(), vec![0x40, 0, 0, 1]), ("ibm,usable".to_owned(), vec![])];
        assert_eq!(told(&answers).unwrap(), [Node { path: "/ethernet@0".into(), properties }]);
    }

    #[test]
    fn children_and_siblings_have_their_places() {
        // As QEMU tells it: back to the parent, and a child again.
        let qemu = [
            (CHILD, named("pci@1")),
            (CHILD, named("usb@0")),
            (PARENT, named("")),
            (CHILD, named("usb@1")),
            (CHILD, named("hub@1")),
            (PARENT, named("")),
            (PARENT, named("")),
            (PROPERTY, property("late", b"x")),
            (DONE, named("")),
        ];
        assert_eq!(paths(&qemu), ["/pci@1", "/pci@1/usb@0", "/pci@1/usb@1", "/pci@1/usb@1/hub@1"]);
        assert_eq!(told(&qemu).unwrap()[0].properties, [("late".to_owned(), b"x".to_vec())]);
        // As LoPAR has it: a sibling, also of the first node.
        let siblings = [
            (CHILD, named("pci@1")),
            (CHILD, named("usb@0")),
            (SIBLING, named("usb@1")),
            (PARENT, named("")),
            (SIBLING, named("interrupt-controller@1")),
            (DONE, named("")),
        ];
        assert_eq!(paths(&siblings), ["/pci@1", "/pci@1/usb@0", "/pci@1/usb@1", "/interrupt-controller@1"]);
    }

    #[test]
    fn what_is_not_a_description_is_refused() {
        let node = (CHILD, named("pci@1"));
        for (answers, expected) in [
            (vec![(DONE, named(""))], Problem::Nowhere),
            (vec![(SIBLING, named("pci@1"))], Problem::Nowhere),
            (vec![(PROPERTY, property("reg", b"x"))], Problem::Nowhere),
            (vec![node.clone(), (PARENT, named("")), (PARENT, named(""))], Problem::Nowhere),
            (vec![node.clone(), (PARENT, named("")), (PROPERTY, property("reg", b"x"))], Problem::Nowhere),
            (vec![node.clone(), (SIBLING, named("pci@1"))], Problem::Twice("/pci@1".into())),
            (vec![(5, named(""))], Problem::Refused(5)),
            (vec![(-9003, named(""))], Problem::Refused(-9003)),
            (vec![(CHILD, named(""))], Problem::Name(String::new())),
            (vec![(CHILD, named(".."))], Problem::Name("..".into())),
            (vec![(CHILD, named("a/b"))], Problem::Name("a/b".into())),
            (vec![(CHILD, named("a b"))], Problem::Name("a b".into())),
        ] {
            assert_eq!(told(&answers), Err(expected));
        }
    }

    #[test]
    fn nothing_is_read_outside_of_the_work_area() {
        let long = [b'x'; NAME_LIMIT_BYTES + 1];
        for area in [
            area(4096, 0, 0, &[]),
            area(u32::MAX, 0, 0, &[]),
            area(4, 0, 0, &[(20, b"name")]),
            area(4092, 0, 0, &[(4092, b"name")]),
            area(20, 0, 0, &[(20, &long)]),
            area(20, 4, 4093, &[(20, b"reg")]),
            area(20, u32::MAX, u32::MAX, &[(20, b"reg")]),
            area(20, 4097, 20, &[(20, b"reg")]),
            area(20, 4, 0, &[(20, b"reg")]),
        ] {
            let mut description = Description::default();
            description.take(CHILD, &named("pci@1")).unwrap();
            assert!(matches!(description.take(PROPERTY, &area), Err(Problem::Outside { .. })));
        }
        assert!(Description::default().take(CHILD, &[0; 8]).is_err());
    }

    #[test]
    fn a_description_without_end_has_one_here() {
        let mut description = Description::default();
        let deep = (0..=DEPTH_LIMIT).try_for_each(|n| description.take(CHILD, &named(&format!("pci@{n}"))).map(drop));
        assert_eq!(deep, Err(Problem::TooMuch { limit: DEPTH_LIMIT, of_what: "levels" }));
        let large = property("x", &[0; 4000]);
        let mut description = Description::default();
        description.take(CHILD, &named("pci@1")).unwrap();
        let many = (0..=LIMIT_BYTES / 4000).try_for_each(|_| description.take(PROPERTY, &large).map(drop));
        assert_eq!(many, Err(Problem::TooMuch { limit: LIMIT_BYTES, of_what: "bytes" }));
    }

    proptest! {
        #[test]
        fn whatever_firmware_says_parents_come_first(
            answers in proptest::collection::vec((0i32..6, 0u32..40, 0u32..64, 0u32..4200, any::<[u8; 24]>()), 0..64),
        ) {
            let mut description = Description::default();
            for (status, name_at, length, value_at, bytes) in answers {
                if description.take(status, &area(name_at, length, value_at, &[(20, &bytes)])).is_err() {
                    break;
                }
            }
            let nodes = description.into_nodes();
            for (position, node) in nodes.iter().enumerate() {
                let above = node.path.rsplit_once('/').unwrap().0;
                prop_assert!(above.is_empty() || nodes[..position].iter().any(|other| other.path == above));
            }
        }
    }
}
