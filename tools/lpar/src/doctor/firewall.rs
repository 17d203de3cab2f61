//! Does a packet filter let the session through? It is TCP from here to port 657 of the console, and UDP 657 both ways.
//!
//! Rules are programs; whether one lets a packet through can only be told by running it. So this looks for a filter on input,
//! and for a rule that is about port 657.

use super::{Finding, Subject, Told};

const FILTER: Subject = Subject::new("packet filter", "nft list ruleset, /proc/net/ip6_tables_names");
const PORT: &str = "657";

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The rules of nftables, as `nft list ruleset` prints them. Empty where there are none.
    pub(crate) rules: Told<String>,
    /// The older ip6tables has tables, whose rules nftables does not show.
    pub(crate) has_old_tables: bool,
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    vec![match &seen.rules {
        _ if seen.has_old_tables => FILTER
            .cannot_tell("ip6tables (legacy) has rules", Some("ip6tables-legacy-save; let UDP 657 in and TCP 657 out")),
        Ok(rules) => filter(rules),
        Err(why) => FILTER.cannot_tell(why.clone(), Some("nft list ruleset, as root; let UDP 657 in and TCP 657 out")),
    }]
}

fn filter(rules: &str) -> Finding {
    match (filters_input(rules), is_about_the_port(rules)) {
        (false, _) => FILTER.ok("nothing is filtered on its way in"),
        (true, true) => FILTER.ok("input is filtered, and a rule is about port 657"),
        (true, false) => FILTER.warn(
            "input is filtered, and no rule is about port 657: heartbeats of the console may be lost",
            "let UDP 657 of the management adapter in: nft add rule inet filter input iifname ADAPTER udp dport 657 accept; \
             firewall-cmd --add-port=657/udp; ufw allow in on ADAPTER to any port 657 proto udp",
        ),
    }
}

/// A chain on input that drops what no rule accepts, or has a rule that drops or rejects.
fn filters_input(rules: &str) -> bool {
    let mut on_input = false;
    for line in rules.lines().map(str::trim) {
        if line.starts_with("chain ") {
            on_input = false;
        }
        on_input |= line.starts_with("type filter hook input");
        let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        let is_final = |word: &&str| matches!(*word, "drop" | "reject");
        if on_input && (words.iter().any(is_final) || line.contains("policy drop")) {
            return true;
        }
        // What is jumped to may drop as well: firewalld and ufw are made so.
        if on_input && words.iter().any(|word| matches!(*word, "jump" | "goto")) && rules_drop_somewhere(rules) {
            return true;
        }
    }
    false
}

fn rules_drop_somewhere(rules: &str) -> bool {
    rules.split_ascii_whitespace().any(|word| matches!(word, "drop" | "reject" | "drop;"))
}

fn is_about_the_port(rules: &str) -> bool {
    rules.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| word == PORT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{self, CannotTell, Ok as Good, Warn};

    /// Debian's /etc/nftables.conf.
    const OPEN: &str = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n\
                        \tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
    const CLOSED: &str = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\
                          \t\tct state established,related accept\n\t}\n}\n";
    const JUMPS: &str = "table inet f {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n\
                         \t\tjump more\n\t}\n\tchain more {\n\t\ttcp dport 22 accept\n\t\tdrop\n\t}\n}\n";

    #[test]
    fn a_filter_needs_a_rule_for_the_port() {
        let cases: [(&str, Verdict); 6] = [
            ("", Good),
            (OPEN, Good),
            (CLOSED, Warn),
            (JUMPS, Warn),
            (&CLOSED.replace("ct state", "udp dport 657 accept\n\t\tct state"), Good),
            (&CLOSED.replace("ct state", "udp dport 6570 accept\n\t\tct state"), Warn),
        ];
        for (rules, verdict) in cases {
            assert_eq!(filter(rules).verdict, verdict, "{rules}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_not_judged() {
        let unseen = Seen { rules: Err("nft: Operation not permitted".into()), has_old_tables: false };
        let old = Seen { rules: Ok(String::new()), has_old_tables: true };
        assert_eq!((judge(&unseen)[0].verdict, judge(&old)[0].verdict), (CannotTell, CannotTell));
    }
}
