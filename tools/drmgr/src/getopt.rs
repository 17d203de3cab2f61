//! Options in the manner of getopt(3): clusters (`-rq1`), values attached or apart, options after arguments, `--`.

/// What a program takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grammar {
    /// Letters; one that takes a value has a colon after it.
    pub(crate) short: &'static str,
    /// Long names; each stands for a letter, which need not be among the short ones, and may take a value.
    pub(crate) long: &'static [Long],
}

/// A long name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Long {
    pub(crate) name: &'static str,
    pub(crate) letter: char,
    pub(crate) takes_value: bool,
}

/// An option as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) letter: char,
    /// Empty when it takes none.
    pub(crate) value: String,
}

/// What is not an option of the program, or lacks its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

/// All options in their order. Arguments that are no options are passed over, as both programs always did.
pub(crate) fn parse(grammar: Grammar, arguments: &[String]) -> Result<Vec<Found>, Unknown> {
    let mut found = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            break;
        } else if let Some(long) = argument.strip_prefix("--") {
            found.push(long_option(grammar, long, &mut rest)?);
        } else if let Some(cluster) = argument.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
            short_options(grammar, cluster, &mut rest, &mut found)?;
        }
    }
    Ok(found)
}

type Rest<'a> = std::slice::Iter<'a, String>;

fn long_option(grammar: Grammar, text: &str, rest: &mut Rest<'_>) -> Result<Found, Unknown> {
    let unknown = || Unknown(format!("--{text}"));
    let (name, attached) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    let long = grammar.long.iter().find(|long| long.name == name).ok_or_else(unknown)?;
    let value = match (long.takes_value, attached) {
        (true, Some(value)) => value.to_owned(),
        (true, None) => rest.next().ok_or_else(unknown)?.clone(),
        (false, Some(_)) => return Err(unknown()),
        (false, None) => String::new(),
    };
    Ok(Found { letter: long.letter, value })
}

fn short_options(grammar: Grammar, cluster: &str, rest: &mut Rest<'_>, found: &mut Vec<Found>) -> Result<(), Unknown> {
    for (at, letter) in cluster.char_indices() {
        let unknown = || Unknown(letter.to_string());
        let place = grammar.short.find(letter).filter(|_| letter != ':').ok_or_else(unknown)?;
        if !grammar.short[place + letter.len_utf8()..].starts_with(':') {
            found.push(Found { letter, value: String::new() });
            continue;
        }
        let attached = &cluster[at + letter.len_utf8()..];
        let value = if attached.is_empty() { rest.next().ok_or_else(unknown)?.clone() } else { attached.to_owned() };
        found.push(Found { letter, value });
        break;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAMMAR: Grammar = Grammar {
        short: "ac:q:rC",
        long: &[
            Long { name: "capabilities", letter: 'C', takes_value: false },
            Long { name: "sysroot", letter: '/', takes_value: true },
        ],
    };

    fn parsed(line: &str) -> Result<String, Unknown> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let found = parse(GRAMMAR, &arguments)?;
        Ok(found.into_iter().map(|option| format!("{}{} ", option.letter, option.value)).collect())
    }

    #[test]
    fn options_are_found_as_getopt_finds_them() {
        let cases = [
            ("-c cpu -r -q 1", "ccpu r q1 "),
            ("-rq1 -ccpu", "r q1 ccpu "),
            ("word -a word -- -r", "a "),
            ("-q -1", "q-1 "),
            ("--capabilities --sysroot /m -a", "C //m a "),
            ("--sysroot=/m", "//m "),
            ("- -a", "a "),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_option_is_named() {
        for (line, unknown) in
            [("-x", "x"), ("-rx", "x"), ("-c", "c"), ("-:", ":"), ("--what", "--what"), ("--sysroot", "--sysroot")]
        {
            assert_eq!(parsed(line), Err(Unknown(unknown.into())), "{line}");
        }
    }
}
