//! The nodes of a connector: as firmware describes them, and which of them the kernel's tree has.

use platform::drc::DrcIndex;
use platform::rtas::description::Node;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nodes {
    index: DrcIndex,
    /// The node that has the connector.
    home: String,
    /// Paths, parents first, and whether each is in the tree.
    paths: Vec<(String, bool)>,
}

impl Nodes {
    /// Paths are from `home` on.
    pub(super) fn new(index: DrcIndex, home: &str, paths: &[String], present: bool) -> Self {
        let paths = paths.iter().map(|path| (format!("{home}{path}"), present)).collect();
        Self { index, home: home.to_owned(), paths }
    }

    pub(super) fn index(&self) -> DrcIndex {
        self.index
    }

    pub(super) fn home(&self) -> &str {
        &self.home
    }

    /// Whether the connector counts as used: its first node is there.
    pub(super) fn are_there(&self) -> bool {
        self.paths.first().is_some_and(|(_, present)| *present)
    }

    /// Whether all of them are there, or none.
    pub(super) fn are_settled(&self) -> bool {
        self.paths.iter().all(|(_, present)| *present == self.are_there())
    }

    pub(super) fn set_all(&mut self, present: bool) {
        self.paths.iter_mut().for_each(|node| node.1 = present);
    }

    /// Whether it is one of these, and there.
    pub(super) fn get(&self, path: &str) -> Option<bool> {
        self.paths.iter().find(|(other, _)| other == path).map(|(_, present)| *present)
    }

    pub(super) fn set(&mut self, path: &str, present: bool) {
        self.paths.iter_mut().filter(|(other, _)| other == path).for_each(|node| node.1 = present);
    }

    /// Those that are there.
    pub(super) fn present(&self) -> impl Iterator<Item = Node> {
        self.paths.iter().filter(|(_, present)| *present).map(|(path, _)| self.node(path))
    }

    /// All of them, from the connector on.
    pub(super) fn described(&self) -> Vec<Node> {
        let from_home = |path: &str| self.node(path.strip_prefix(&self.home).unwrap_or(path));
        self.paths.iter().map(|(path, _)| from_home(path)).collect()
    }

    /// With what every node has, and a value that is empty.
    fn node(&self, path: &str) -> Node {
        let index = self.index.0.to_be_bytes().to_vec();
        let properties = vec![("ibm,my-drc-index".to_owned(), index), ("ibm,usable".to_owned(), Vec::new())];
        Node { path: path.to_owned(), properties }
    }
}

/// What firmware answers: a status and a work area for every node and every property.
pub(super) fn answers(index: DrcIndex, nodes: &[Node]) -> Vec<(i32, Vec<u8>)> {
    let (sibling, child, property, parent) = (1, 2, 3, 4);
    let mut answers = Vec::new();
    let mut open = 0;
    for node in nodes {
        let depth = node.path.matches('/').count();
        answers.extend((depth..open).map(|_| (parent, area(index, "", &[]))));
        let name = node.path.rsplit('/').next().unwrap_or_default();
        answers.push((if depth > open { child } else { sibling }, area(index, name, &[])));
        answers.extend(node.properties.iter().map(|(name, value)| (property, area(index, name, value))));
        open = depth;
    }
    answers.push((0, area(index, "", &[])));
    answers
}

/// The connector, zero, where the name begins, how long the value is and where it begins; then both.
fn area(index: DrcIndex, name: &str, value: &[u8]) -> Vec<u8> {
    let header = 20;
    let words = [header, value.len(), header + name.len() + 1].map(|word| u32::try_from(word).unwrap_or_default());
    let mut area: Vec<u8> = [index.0, 0].iter().chain(&words).flat_map(|word| word.to_be_bytes()).collect();
    area.extend(name.bytes().chain([0]).chain(value.iter().copied()));
    area
}
