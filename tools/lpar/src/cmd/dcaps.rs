//! `lpar dcaps`: the capability words that a console shows, and why they are so.

use platform::capability;
use platform::dcaps::{self, Bit, Words};
use serde::Serialize;

use super::Desk;
use crate::cli::DcapsArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};

#[derive(Debug, Serialize)]
struct DcapsReport {
    #[serde(flatten)]
    words: Words,
    /// Every bit is explained; otherwise only those that are clear.
    #[serde(skip)]
    explain: bool,
}

pub(super) fn run(desk: &Desk, args: DcapsArgs) -> Result<Exit> {
    let words = dcaps::compute(&capability::read(&desk.sysroot));
    desk.output.show(&DcapsReport { words, explain: args.explain })?;
    Ok(Exit::Done)
}

impl Report for DcapsReport {
    fn write(&self, sheet: &mut Sheet) {
        sheet.line(&Cell::new(&self.words));
        let shown = |bit: &&Bit| self.explain || !bit.set;
        let rows: Vec<_> = self.words.bits.iter().filter(shown).map(|bit| row(bit, self.explain)).collect();
        sheet.table(&rows);
    }
}

fn row(bit: &Bit, explain: bool) -> Row {
    let (state, style) = if bit.set { ("set", Style::Good) } else { ("clear", Style::Doubtful) };
    let row = Row::from(vec![
        Cell::new(format_args!("{} bit {}", bit.rule.word, bit.rule.bit)),
        Cell::new(format_args!("{:#x}", 1_u64 << bit.rule.bit)),
        Cell::styled(state, style),
        Cell::new(format_args!("{} ({})", bit.rule.means, bit.rule.confidence)),
    ]);
    let row = bit.missing.iter().fold(row, |row, why| row.below(Cell::styled(why, Style::Doubtful)));
    if explain { row.below(Cell::new(format_args!("evidence: {}", bit.rule.evidence))) } else { row }
}
