//! RPM's rich dependencies, `(a or (b and c >= 2))`: reading them within bounds of size and depth.

use crate::rpm::package::{Compare, Evr, Relation};

/// Bytes of one rich dependency. The longest in Fedora 40 has some 700.
const TEXT_BYTES: usize = 4096;
/// Nesting. Real ones reach 3.
const DEPTH: usize = 16;

/// A rich dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rich {
    Simple(Relation),
    All(Vec<Rich>),
    Any(Vec<Rich>),
    /// All of them, satisfied by one package.
    With(Vec<Rich>),
    /// The first one, by a package that does not satisfy the second.
    Without(Box<Rich>, Box<Rich>),
    /// `if` and `unless`, with or without `else`.
    Conditional,
}

/// Reads a rich dependency with its outer parentheses. The error is a clause that says what is wrong.
pub(super) fn parse(text: &str) -> Result<Rich, &'static str> {
    if text.len() > TEXT_BYTES {
        return Err("it is longer than 4096 bytes");
    }
    let mut parser = Parser { rest: text };
    let rich = parser.group(0)?;
    if parser.rest.trim().is_empty() { Ok(rich) } else { Err("something follows the last parenthesis") }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn group(&mut self, depth: usize) -> Result<Rich, &'static str> {
        if depth > DEPTH {
            return Err("it is nested more than 16 levels deep");
        }
        self.rest = self.rest.trim_start().strip_prefix('(').ok_or("a parenthesis is missing")?;
        let mut operands = vec![self.operand(depth)?];
        let mut operator = "";
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return combine(operator, operands);
            }
            let word = self.word();
            let chained = word == operator && matches!(word, "and" | "or" | "with");
            let otherwise = word == "else" && matches!(operator, "if" | "unless");
            if !(operator.is_empty() || chained || otherwise) {
                return Err("operators are mixed without parentheses");
            }
            operator = word;
            operands.push(self.operand(depth)?);
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Rich, &'static str> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('(') {
            return self.group(depth + 1);
        }
        let name = self.word();
        if name.is_empty() {
            return Err("a name is missing");
        }
        let before = self.rest;
        let compare = compare(self.word());
        let Some(compare) = compare else {
            self.rest = before;
            return Ok(Rich::Simple(Relation { name: name.to_owned(), version: None, flags: 0 }));
        };
        let evr = parse_evr(self.word()).ok_or("a version is missing")?;
        Ok(Rich::Simple(Relation { name: name.to_owned(), version: Some((compare, evr)), flags: 0 }))
    }

    /// Up to white space or a parenthesis that the word did not open.
    fn word(&mut self) -> &'a str {
        let text = self.rest.trim_start();
        let mut open = 0_usize;
        let end = text.find(|c: char| match c {
            '(' => {
                open += 1;
                false
            }
            ')' if open > 0 => {
                open -= 1;
                false
            }
            c => c == ')' || c.is_whitespace(),
        });
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        self.rest = rest;
        word
    }
}

fn combine(operator: &str, mut operands: Vec<Rich>) -> Result<Rich, &'static str> {
    Ok(match operator {
        "" | "and" => Rich::All(operands),
        "or" => Rich::Any(operands),
        "with" => Rich::With(operands),
        "without" => {
            let (second, first) = (operands.pop(), operands.pop());
            let (Some(first), Some(second)) = (first, second) else { return Err("a name is missing") };
            Rich::Without(Box::new(first), Box::new(second))
        }
        "if" | "unless" | "else" => Rich::Conditional,
        _ => return Err("it has an unknown operator"),
    })
}

fn compare(word: &str) -> Option<Compare> {
    Some(match word {
        "<" => Compare::Less,
        "<=" | "=<" => Compare::LessOrEqual,
        "=" | "==" => Compare::Equal,
        ">=" | "=>" => Compare::GreaterOrEqual,
        ">" => Compare::Greater,
        _ => return None,
    })
}

/// `1:2.0-3`.
fn parse_evr(text: &str) -> Option<Evr> {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (Some(epoch.parse().ok()?), rest),
        None => (None, text),
    };
    let (version, release) = rest.rsplit_once('-').map_or((rest, None), |(v, r)| (v, Some(r.to_owned())));
    (!version.is_empty()).then(|| Evr { epoch, version: version.to_owned(), release })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_their_own_parentheses() {
        let Rich::Any(parts) = parse("(libc.so.6()(64bit) or foo(x86-64) >= 1:2-3)").unwrap() else { panic!("not or") };
        let Rich::Simple(second) = &parts[1] else { panic!("not simple") };
        assert_eq!(parts[0], Rich::Simple(Relation { name: "libc.so.6()(64bit)".into(), version: None, flags: 0 }));
        let evr = Evr { epoch: Some(1), version: "2".into(), release: Some("3".into()) };
        assert_eq!((second.name.as_str(), &second.version), ("foo(x86-64)", &Some((Compare::GreaterOrEqual, evr))));
    }

    #[test]
    fn malformed_ones_are_errors() {
        let deep = format!("{}a{}", "(".repeat(500), ")".repeat(500));
        let long = format!("({})", "a".repeat(5000));
        for bad in ["", "a", "(", "(a", "(a or)", "(a or b", "(a or b and c)", "(a >= )", "(a) b", "()", &deep, &long] {
            assert!(parse(bad).is_err(), "{bad:.40}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[ ()a-c<>=1:.é-]{0,40}", words in prop::collection::vec(
            prop::sample::select(vec!["(", ")", "a", "or", "and", "with", "without", "if", "else", ">=", "1:2-3", "é"]), 0..30)) {
            let _ = parse(&text);
            let _ = parse(&format!("({})", words.join(" ")));
        }
    }
}
