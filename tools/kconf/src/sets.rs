//! The sets of options: what an LPAR needs of its kernel, as data. Read from TOML, embedded or from a directory.
//!
//! `kconfig/README.md` documents the schema. Unknown keys are errors, and so is what no reader could mean: an option
//! that depends on one that no set knows, a required option that accepts anything.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::config::{Value, is_symbol};
use crate::version::{Flavour, KernelVersion};

/// The sets of this build as JSON, made by `build.rs`: TOML is for people, and takes longer to read than a configuration.
const EMBEDDED: &str = include_str!(concat!(env!("OUT_DIR"), "/sets.json"));
/// Bytes of one set's file; ours have 12 KB at most.
const SET_BYTES: u64 = 1 << 20;

/// Sets, in order.
#[derive(Debug, Clone)]
pub struct Sets(Vec<OptionSet>);

/// A named set of options.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSet {
    /// As on the command line.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
    /// What an administrator does with it.
    pub purpose: String,
    /// Part of a check that names no set.
    pub default: bool,
    /// Its options.
    #[serde(rename = "option")]
    pub options: Vec<Entry>,
}

/// One option of a set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// How much depends on it.
    pub need: Need,
    /// The values that satisfy, the preferred one first.
    #[serde(default)]
    pub accept: Accept,
    /// First kernel version that has the symbol.
    pub since: Option<KernelVersion>,
    /// Last kernel version that has the symbol.
    pub until: Option<KernelVersion>,
    /// Which of these, and of the version in `hidden`, were not verified.
    #[serde(default)]
    pub unverified: Vec<Bound>,
    /// What kernels do that are older or newer than the symbol.
    #[serde(default)]
    pub without_symbol: WithoutSymbol,
    /// The symbol that took its place.
    pub renamed_to: Option<String>,
    /// The symbol whose place it took.
    pub renamed_from: Option<String>,
    /// When it cannot be chosen.
    #[serde(default)]
    pub hidden: Hidden,
    /// For hidden ones: the symbols that bring it.
    #[serde(default)]
    pub selected_by: Vec<String>,
    /// What must be set for it to be choosable.
    #[serde(default)]
    pub depends: Vec<String>,
    /// The only page size with which it exists.
    pub flavour: Option<Flavour>,
    /// Each of these will do instead.
    #[serde(default)]
    pub alternatives: Vec<String>,
    /// What it enables.
    pub gives: String,
    /// What the user sees without it.
    #[serde(default)]
    pub fails: String,
    /// Where that is known from.
    pub source: String,
    /// How well.
    pub confidence: Confidence,
    /// How the running system shows that it works.
    pub live: Option<Live>,
}

/// How much depends on an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Without it the set's purpose fails.
    Required,
    /// The same, where the partition has the adapter that it drives.
    IfPresent,
    /// Without it something is missing that most expect.
    Recommended,
    /// For some.
    Optional,
    /// Worth knowing; no value is wrong.
    Information,
}

impl Need {
    /// As in the sets: `if-present`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::IfPresent => "if-present",
            Self::Recommended => "recommended",
            Self::Optional => "optional",
            Self::Information => "information",
        }
    }
}

/// The values that satisfy a need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Accept {
    /// Whatever it is.
    #[default]
    Any,
    /// One of these.
    OneOf(Vec<Wanted>),
}

/// A value that an option can be asked to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Built in.
    Y,
    /// A module.
    M,
    /// Not set.
    N,
}

impl Wanted {
    /// As a configuration says it.
    pub fn value(self) -> Value<'static> {
        match self {
            Self::Y => Value::Yes,
            Self::M => Value::Module,
            Self::N => Value::No,
        }
    }
}

impl Accept {
    /// Whether a value satisfies; no line at all is as good as `n`.
    pub fn allows(&self, found: Option<Value>) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(wanted) => wanted.iter().any(|one| one.value() == found.unwrap_or(Value::No)),
        }
    }
}

impl<'de> Deserialize<'de> for Accept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            List(Vec<Wanted>),
        }
        match Written::deserialize(deserializer)? {
            Written::Word(word) if word == "any" => Ok(Self::Any),
            Written::List(list) if !list.is_empty() => Ok(Self::OneOf(list)),
            _ => Err(de::Error::custom("accept is \"any\" or a list of \"y\", \"m\", \"n\"")),
        }
    }
}

/// A version in an option's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The first version.
    Since,
    /// The last version.
    Until,
    /// The version from which on it is hidden.
    Hidden,
}

/// What a kernel does whose version does not know the symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithoutSymbol {
    /// It cannot do what the symbol enables.
    #[default]
    Lacks,
    /// It always does it.
    AlwaysOn,
}

/// When an option has no prompt, so that no fragment can set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hidden {
    /// It has always had one.
    #[default]
    Never,
    /// It has none.
    Always,
    /// It has none from this version on.
    Since(KernelVersion),
}

impl Hidden {
    /// Whether a kernel of this version has no prompt for it. Of an unknown version only the certain is said.
    pub fn at(self, version: Option<KernelVersion>) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Since(since) => version.is_some_and(|version| version >= since),
        }
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix("since ") {
            Some(version) => version.parse().map(Self::Since).map_err(de::Error::custom),
            None if text == "always" => Ok(Self::Always),
            None => Err(de::Error::custom("hidden is \"always\" or \"since VERSION\"")),
        }
    }
}

/// How well an entry is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A boot or a build showed it.
    Tested,
    /// The source says so.
    SourceRead,
    /// Seen in configurations or programs.
    Observed,
    /// Concluded, not checked.
    Inferred,
    /// No source was found.
    Unknown,
}

impl Confidence {
    /// As in the sets: `source-read`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tested => "tested",
            Self::SourceRead => "source-read",
            Self::Observed => "observed",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// How the running system shows that an option works.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Live {
    /// The module, as in /proc/modules, if it can be one.
    pub module: Option<String>,
    /// What exists, below the root, when option, module and firmware are there.
    pub path: Option<String>,
    /// Or: the device that the firmware shows, by the `compatible` name of virtual I/O (`IBM,vnic`).
    pub device: Option<String>,
    /// What to say if option and module are there and the path or the device is not.
    pub firmware: String,
    /// A locked-down kernel refuses its use.
    #[serde(default)]
    pub lockdown: bool,
}

impl Entry {
    /// Whether a kernel of this version and page size has the symbol; what is unknown does not exclude it.
    pub fn exists(&self, version: Option<KernelVersion>, flavour: Option<Flavour>) -> bool {
        let in_time = version.is_none_or(|version| {
            self.since.is_none_or(|since| version >= since) && self.until.is_none_or(|until| version <= until)
        });
        in_time && (self.flavour.is_none() || flavour.is_none() || self.flavour == flavour)
    }
}

/// Why sets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The file is no set.
    #[error("set {file} does not follow the schema in kconfig/README.md")]
    Malformed {
        /// Which.
        file: String,
        /// What is wrong, with the line.
        source: Box<toml::de::Error>,
    },
    /// The program was built with a set that is none.
    #[error("the built-in sets do not follow the schema; give others with --sets DIR")]
    Embedded(#[source] serde_json::Error),
    /// The file is one, and contradicts itself.
    #[error("set {set}, option {symbol}: {reason}")]
    Contradiction {
        /// Which set.
        set: String,
        /// Which option.
        symbol: String,
        /// What is wrong.
        reason: String,
    },
    /// The directory cannot be read.
    #[error("cannot read the sets in {path}", path = path.display())]
    Io {
        /// Directory or file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A directory without sets, a file that is too large, two sets of a name.
    #[error("{path}: {reason}", path = path.display())]
    Unusable {
        /// Directory or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A name that no set has.
    #[error("no set is called '{name}'; there are {known}")]
    Unknown {
        /// As asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
}

impl Sets {
    /// The sets of this build.
    pub fn embedded() -> Result<Self, SetError> {
        Self(serde_json::from_str(EMBEDDED).map_err(SetError::Embedded)?).checked()
    }

    /// The sets of a directory: every `*.toml` in it, by name.
    pub fn from_directory(directory: &Path) -> Result<Self, SetError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            |source| SetError::Io { path, source }
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(io(directory))? {
            let path = entry.map_err(io(directory))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path);
            }
        }
        files.sort();
        let mut sets = Vec::new();
        for path in files {
            if std::fs::metadata(&path).map_err(io(&path))?.len() > SET_BYTES {
                return Err(SetError::Unusable { path, reason: "is larger than 1 MiB".to_owned() });
            }
            let text = std::fs::read_to_string(&path).map_err(io(&path))?;
            sets.push(parse(&path.display().to_string(), &text)?);
        }
        if sets.is_empty() {
            return Err(SetError::Unusable { path: directory.to_owned(), reason: "holds no *.toml".to_owned() });
        }
        Self(sets).checked()
    }

    /// All of them.
    pub fn all(&self) -> &[OptionSet] {
        &self.0
    }

    /// The named ones, in the order asked for; without a name those that every check looks at.
    pub fn choose(&self, names: &[String]) -> Result<Vec<&OptionSet>, SetError> {
        if names.is_empty() {
            return Ok(self.0.iter().filter(|set| set.default).collect());
        }
        let mut chosen: Vec<&OptionSet> = Vec::new();
        for name in names {
            let set = self.named(name).ok_or_else(|| SetError::Unknown {
                name: name.clone(),
                known: self.0.iter().map(|set| set.name.as_str()).collect::<Vec<_>>().join(", "),
            })?;
            if !chosen.iter().any(|one| one.name == set.name) {
                chosen.push(set);
            }
        }
        Ok(chosen)
    }

    /// The set of a name.
    pub fn named(&self, name: &str) -> Option<&OptionSet> {
        self.0.iter().find(|set| set.name == name)
    }

    /// Every entry of an option, with its set.
    pub fn entries<'a>(&'a self, symbol: &'a str) -> impl Iterator<Item = (&'a OptionSet, &'a Entry)> {
        self.0
            .iter()
            .flat_map(|set| set.options.iter().map(move |entry| (set, entry)))
            .filter(move |(_, entry)| entry.symbol == symbol)
    }

    /// Itself, if nothing in it contradicts itself.
    fn checked(self) -> Result<Self, SetError> {
        let known: HashSet<&str> =
            self.0.iter().flat_map(|set| &set.options).map(|entry| entry.symbol.as_str()).collect();
        for set in &self.0 {
            for entry in &set.options {
                if let Some(reason) = contradiction(entry, &known) {
                    return Err(SetError::Contradiction {
                        set: set.name.clone(),
                        symbol: entry.symbol.clone(),
                        reason,
                    });
                }
            }
        }
        Ok(self)
    }
}

/// One set from its text. Its name is its file's.
fn parse(file: &str, text: &str) -> Result<OptionSet, SetError> {
    let set: OptionSet = toml::from_str(text)
        .map_err(|source| SetError::Malformed { file: file.to_owned(), source: Box::new(source) })?;
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str());
    if stem == Some(set.name.as_str()) {
        return Ok(set);
    }
    Err(SetError::Unusable {
        path: PathBuf::from(file),
        reason: format!("holds the set {}: name the file after it", set.name),
    })
}

/// What no reader could mean.
fn contradiction(entry: &Entry, known: &HashSet<&str>) -> Option<String> {
    let unknown = entry.depends.iter().chain(&entry.selected_by).find(|symbol| !known.contains(symbol.as_str()));
    let hidden = match entry.hidden {
        Hidden::Since(version) => Some(version),
        _ => None,
    };
    let bounds = [(Bound::Since, entry.since), (Bound::Until, entry.until), (Bound::Hidden, hidden)];
    if !is_symbol(&entry.symbol) || entry.symbol.starts_with("CONFIG_") {
        Some("write the symbol without CONFIG_".to_owned())
    } else if let Some(symbol) = unknown {
        Some(format!("depends on {symbol}, which no set has"))
    } else if entry.need < Need::Optional && entry.accept == Accept::Any {
        Some(format!("is {} and accepts any value", entry.need.name()))
    } else if entry.need < Need::Optional && entry.fails.is_empty() {
        Some(format!("is {} and does not say what fails without it", entry.need.name()))
    } else if bounds.iter().any(|(bound, version)| entry.unverified.contains(bound) && version.is_none()) {
        Some("marks a bound as unverified that it does not have".to_owned())
    } else if entry.since.is_some() && entry.until.is_some() && entry.since > entry.until {
        Some("ends before it begins".to_owned())
    } else if entry.live.as_ref().is_some_and(|live| live.path.is_some() == live.device.is_some()) {
        Some("live names one path or one device".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(options: &str) -> Result<Sets, SetError> {
        let text = format!("name = \"x\"\ntitle = \"t\"\npurpose = \"p\"\ndefault = true\n{options}");
        Sets(vec![parse("x.toml", &text)?]).checked()
    }

    fn option(keys: &str) -> String {
        format!("[[option]]\ngives = \"g\"\nsource = \"s\"\nconfidence = \"observed\"\n{keys}\n")
    }

    /// Where the sets are kept.
    fn kconfig() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kconfig")
    }

    /// The whole chain of an error.
    fn chain(error: &dyn std::error::Error) -> String {
        error.source().map_or(error.to_string(), |source| format!("{error}: {}", chain(source)))
    }

    #[test]
    fn the_embedded_sets_are_those_of_the_directory() {
        let (embedded, directory) = (Sets::embedded().unwrap(), Sets::from_directory(&kconfig()).unwrap());
        assert_eq!(embedded.all().len(), directory.all().len());
        for set in directory.all() {
            assert_eq!(format!("{:?}", embedded.named(&set.name)), format!("{:?}", Some(set)));
        }
        let sets = embedded;
        assert!(
            !sets.choose(&[]).unwrap().iter().any(|set| set.name == "article"),
            "the article's set is asked for by name"
        );
    }

    #[test]
    fn the_readme_lists_every_need_that_is_not_proven() {
        let readme = std::fs::read_to_string(kconfig().join("README.md")).unwrap();
        let (_, unproven) = readme.split_once("## What is not proven").unwrap();
        for entry in Sets::embedded().unwrap().choose(&[]).unwrap().iter().flat_map(|set| &set.options) {
            let proven = !matches!(entry.confidence, Confidence::Inferred | Confidence::Unknown);
            assert!(
                proven || entry.need == Need::Information || unproven.contains(&format!("`{}`", entry.symbol)),
                "{}",
                entry.symbol
            );
        }
    }

    #[test]
    fn the_article_set_is_inferred_throughout() {
        let sets = Sets::embedded().unwrap();
        let article = sets.named("article").unwrap();
        assert!(article.purpose.contains("inferred"));
        assert!(article.options.iter().all(|entry| entry.confidence == Confidence::Inferred));
    }

    #[test]
    fn what_the_schema_does_not_allow_is_an_error_that_names_it() {
        let cases = [
            ("symbol = \"A\"\nneed = \"optional\"\ncolour = 1", "unknown field `colour`"),
            ("symbol = \"A\"\nneed = \"wanted\"", "unknown variant `wanted`"),
            ("symbol = \"A\"\nneed = \"optional\"\naccept = \"y\"", "accept is"),
            ("symbol = \"A\"\nneed = \"optional\"\nsince = \"soon\"", "no kernel version"),
            ("symbol = \"A\"\nneed = \"optional\"\nhidden = \"often\"", "hidden is"),
            ("symbol = \"CONFIG_A\"\nneed = \"optional\"", "without CONFIG_"),
            ("symbol = \"A\"\nneed = \"required\"", "accepts any value"),
            ("symbol = \"A\"\nneed = \"required\"\naccept = [\"y\"]", "what fails without it"),
            ("symbol = \"A\"\nneed = \"optional\"\ndepends = [\"B\"]", "depends on B, which no set has"),
            ("symbol = \"A\"\nneed = \"optional\"\nunverified = [\"since\"]", "marks a bound"),
            ("symbol = \"A\"\nneed = \"optional\"\nsince = \"6.2\"\nuntil = \"6.1\"", "ends before"),
            ("symbol = \"A\"\nneed = \"optional\"\nlive = { firmware = \"f\" }", "one path or one device"),
        ];
        for (keys, expected) in cases {
            let error = set(&option(keys)).unwrap_err();
            assert!(chain(&error).contains(expected), "{keys}: {}", chain(&error));
        }
    }

    #[test]
    fn an_option_exists_within_its_versions_and_its_page_size() {
        let sets =
            set(&option("symbol = \"A\"\nneed = \"optional\"\nsince = \"4.14\"\nuntil = \"6.13\"\nflavour = \"64k\""))
                .unwrap();
        let entry = &sets.all()[0].options[0];
        let at = |version: &str, flavour| entry.exists(Some(version.parse().unwrap()), flavour);
        assert!(at("4.14", None) && at("6.13.9", Some(Flavour::Pages64k)) && entry.exists(None, None));
        assert!(!at("4.13", None) && !at("6.14", None) && !at("6.1", Some(Flavour::Pages4k)));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Sets::embedded().unwrap().choose(&["dlpar".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("'dlpar'") && error.contains("dlpar-memory"), "{error}");
    }
}
