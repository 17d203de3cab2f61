//! `-c slot`: logical and virtual slots; `-c pci`: physical ones.

use std::fmt::Write;

use platform::slot::{self, LinuxNames, Node, Slot};
use sysroot::Sysroot;

use super::options::{Options, View};
use super::{STATUS_FAILED, Trouble};

/// The column of Linux names: `xxxx:xx:xx.x` and two spaces.
const LINUX_NAME_WIDTH: usize = 14;
/// Between columns.
const GAP: usize = 2;
const NAME_HEADING: &str = "# Slot";
const DESCRIPTION_HEADING: &str = "Description";
const NOT_FOUND: &str = "The specified PCI slot is either invalid\nor does not support hot plug operations.\n";

pub(super) fn list(sysroot: &Sysroot, options: &Options, list: &mut String) -> Result<(), Trouble> {
    let slots = match options.view {
        View::Pci => slot::physical_slots(sysroot)?,
        _ => slot::logical_slots(sysroot)?,
    };
    if slots.is_empty() {
        let text = match options.view {
            View::Pci => "There are no PCI hot plug slots on this system.\n",
            _ => "There are no DR slots on this system.\n",
        };
        return Err(Trouble::Nothing(text, 0));
    }
    let mut shown: Vec<&Slot> = slots.iter().filter(|slot| is_shown(slot, options)).collect();
    if shown.is_empty() {
        return match options.view {
            // A partition without I/O of its own is nothing unusual.
            View::Slot if options.selector.is_none() => Ok(()),
            _ => Err(Trouble::Nothing(NOT_FOUND, STATUS_FAILED)),
        };
    }
    shown.sort_by(|a, b| slot::by_location(&a.connector.name, &b.connector.name));
    let names = LinuxNames::read(sysroot)?;
    let table = Table::new(options, &shown);
    table.heading(list);
    for slot in shown {
        table.row(slot, &names, list);
    }
    Ok(())
}

fn is_shown(slot: &Slot, options: &Options) -> bool {
    if !slot.is_owned() || slot.contradicted {
        return false;
    }
    if let Some(selector) = &options.selector {
        return slot.connector.name == without_connector(selector);
    }
    let any = !options.available && !options.occupied;
    any || (options.available && slot.nodes.is_empty()) || (options.occupied && !slot.nodes.is_empty())
}

/// A location code may name a device in the slot, `…-I4/E1`.
fn without_connector(selector: &str) -> &str {
    selector.rsplit_once('/').map_or(selector, |(slot, _)| slot)
}

/// The widths of the columns, or what is between them.
struct Table {
    is_logical: bool,
    delimiter: Option<char>,
    name_width: usize,
    description_width: usize,
}

impl Table {
    fn new(options: &Options, slots: &[&Slot]) -> Self {
        let names = slots.iter().map(|slot| slot.connector.name.len());
        let descriptions = slots.iter().map(|slot| slot::description(&slot.connector, slot.kind).len());
        Self {
            is_logical: options.view == View::Slot,
            delimiter: options.delimiter,
            name_width: GAP + names.fold(NAME_HEADING.len(), usize::max),
            description_width: GAP + descriptions.fold(DESCRIPTION_HEADING.len(), usize::max),
        }
    }

    fn heading(&self, list: &mut String) {
        if self.delimiter.is_none() {
            self.columns(NAME_HEADING, DESCRIPTION_HEADING, "Linux Name", list);
            list.push_str("Device(s)\n");
        }
    }

    /// All columns but the last.
    fn columns(&self, name: &str, description: &str, linux_name: &str, list: &mut String) {
        let cells = [(name, self.name_width), (description, self.description_width), (linux_name, LINUX_NAME_WIDTH)];
        for (cell, width) in cells.into_iter().take(if self.is_logical { 3 } else { 2 }) {
            let _ = match self.delimiter {
                Some(delimiter) => write!(list, "{cell}{delimiter}"),
                None => write!(list, "{cell:<width$}"),
            };
        }
    }

    fn row(&self, slot: &Slot, names: &LinuxNames, list: &mut String) {
        let description = slot::description(&slot.connector, slot.kind);
        let linux_name = |node: &Node| names.get(&node.path).map(str::to_owned);
        let first = slot.nodes.first();
        let of_slot = first.and_then(linux_name).unwrap_or_else(|| "?".to_owned());
        self.columns(&slot.connector.name, &description, &of_slot, list);
        if self.is_logical {
            list.push_str(first.and_then(|node| node.name.as_deref()).unwrap_or("Empty"));
            list.push('\n');
            return;
        }
        if slot.nodes.is_empty() {
            list.push_str("Empty\n");
        }
        for (position, node) in slot.nodes.iter().enumerate() {
            if position > 0 {
                self.columns("", "", "", list);
            }
            let name = linux_name(node).or_else(|| node.name.clone());
            list.push_str(name.as_deref().unwrap_or("?"));
            list.push('\n');
        }
    }
}
