//! The routing table: topic patterns, conditions, and the first rule that fits.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::{json::Object, message::Message};

const MAX_TOPIC_BYTES: usize = 128;

/// A topic of the allowed shape, split into its words.
#[derive(Debug)]
pub struct Topic<'a>(Vec<&'a str>);

impl<'a> Topic<'a> {
    /// `None` unless the text is `[A-Za-z0-9._-]{1,128}`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fits = (1..=MAX_TOPIC_BYTES).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.split('.').collect()))
    }
}

/// A topic pattern: words split at `.`, `*` for exactly one word, `#` for any number of them.
#[derive(Debug)]
pub struct Pattern(Vec<PatternWord>);

#[derive(Debug)]
enum PatternWord {
    Literal(Box<str>),
    AnyOne,
    AnyNumber,
}

impl Pattern {
    /// Compiles a pattern; every text is one.
    #[must_use]
    pub fn compile(text: &str) -> Self {
        let word = |word: &str| match word {
            "*" => PatternWord::AnyOne,
            "#" => PatternWord::AnyNumber,
            literal => PatternWord::Literal(literal.into()),
        };
        Self(text.split('.').map(word).collect())
    }

    /// Whether the pattern covers the whole topic.
    ///
    /// Only the latest `#` is ever reconsidered, so the work is bounded by pattern length × topic length.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        let (pattern, words) = (&self.0, &topic.0);
        let (mut at_pattern, mut at_word) = (0, 0);
        // Where to resume after the latest `#`: the pattern behind it, and the word it may swallow next.
        let mut resume = None;
        loop {
            let (fits, advance) = match (pattern.get(at_pattern), words.get(at_word)) {
                (None, None) => return true,
                (Some(PatternWord::AnyNumber), _) => {
                    resume = Some((at_pattern + 1, at_word));
                    (true, (1, 0))
                }
                (Some(PatternWord::AnyOne), Some(_)) => (true, (1, 1)),
                (Some(PatternWord::Literal(literal)), Some(word)) => (**literal == **word, (1, 1)),
                (None, Some(_)) | (Some(_), None) => (false, (0, 0)),
            };
            if fits {
                at_pattern += advance.0;
                at_word += advance.1;
                continue;
            }
            match resume {
                Some((behind, swallowed)) if swallowed < words.len() => {
                    resume = Some((behind, swallowed + 1));
                    (at_pattern, at_word) = (behind, swallowed + 1);
                }
                _ => return false,
            }
        }
    }
}

/// One rule: what must hold, and where messages then go.
#[derive(Debug)]
pub struct Rule {
    /// The rule's name, unique in its table.
    pub name: String,
    /// Where matching messages go.
    pub destination: String,
    partitions: u32,
    pattern: Pattern,
    regions: Option<Vec<String>>,
    min_priority: Option<i64>,
    attributes: BTreeMap<String, String>,
}

impl Rule {
    fn matches(&self, topic: &Topic, message: &Message) -> bool {
        self.pattern.matches(topic)
            && self.min_priority.is_none_or(|least| i64::from(message.priority) >= least)
            && self
                .regions
                .as_ref()
                .is_none_or(|regions| regions.iter().any(|region| *region == message.region))
            && self
                .attributes
                .iter()
                .all(|(name, value)| message.attributes.get(name) == Some(value))
    }

    /// The partition of a message by its id: FNV-1a modulo the number of partitions.
    #[must_use]
    pub fn partition(&self, id: &str) -> u64 {
        fnv1a_64(id.as_bytes()) % u64::from(self.partitions)
    }
}

/// FNV-1a, 64 bits: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
#[must_use]
pub fn fnv1a_64(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// A validated, compiled routing table.
#[derive(Debug)]
pub struct Table {
    /// The version its file states.
    pub version: u64,
    rules: Vec<Rule>,
}

impl Table {
    /// Parses, validates and compiles a table.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let Object(file): Object<TableFile> =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if file.rules.is_empty() {
            return Err("the table has no rules".to_owned());
        }
        let mut names = HashSet::new();
        for Object(rule) in &file.rules {
            rule.check()?;
            if !names.insert(rule.name.as_str()) {
                return Err(format!("two rules are named {:?}", rule.name));
            }
        }
        let rules = file.rules.into_iter().map(|Object(rule)| rule.compile()).collect();
        Ok(Self { version: file.version, rules })
    }

    /// The first rule, in the file's order, that a message on this topic satisfies.
    #[must_use]
    pub fn first_match(&self, topic: &Topic, message: &Message) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(topic, message))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    version: u64,
    rules: Vec<Object<RuleFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    topic: String,
    when: Option<Object<When>>,
    destination: String,
    partitions: u32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct When {
    regions: Option<Vec<String>>,
    min_priority: Option<i64>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl RuleFile {
    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("a rule has an empty name".to_owned());
        }
        if self.topic.is_empty() {
            return Err(format!("rule {:?} has an empty topic", self.name));
        }
        if !(1..=65_536).contains(&self.partitions) {
            return Err(format!(
                "rule {:?} has {} partitions: expected 1 to 65536",
                self.name, self.partitions
            ));
        }
        Ok(())
    }

    fn compile(self) -> Rule {
        let Object(when) = self.when.unwrap_or_else(|| Object(When::default()));
        Rule {
            pattern: Pattern::compile(&self.topic),
            name: self.name,
            destination: self.destination,
            partitions: self.partitions,
            regions: when.regions,
            min_priority: when.min_priority,
            attributes: when.attributes,
        }
    }
}
