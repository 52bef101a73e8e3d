//! All rules at once over a text: one pass for the words, then the expressions at the places that are left.
//!
//! The matches are those the expressions give when each is run over the whole text alone; see `anchor` for why nothing is lost, and
//! [`Engine::plain`] for the judge the tests compare with.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use probity_core::Confidence;
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::Hir;
use serde::{Deserialize, Serialize};

use crate::anchor::{self, Anchor, Back, Bytes};
use crate::decode::Decoded;
use crate::filter;
use crate::rule::{Allow, Flavour, Patterns, Rule, Target};
use crate::scanner::{Scanner, Word};

/// Longest match, in bytes: what is longer is no secret anybody wrote down.
const LONGEST_MATCH: usize = 1 << 20;

/// Texts of at most so many bytes are searched without an automaton: building one costs more than it saves.
const SHORT_TEXT: usize = 2000;

/// What a text is, for the rules that ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Its path, with `/`.
    pub path: &'a str,
    /// The commit it comes from, in hexadecimal, if it comes from one.
    pub commit: &'a str,
}

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Index of the rule in [`Engine::rules`].
    pub rule: usize,
    /// The match, in bytes; empty for rules that look at paths alone.
    pub range: Range<usize>,
    /// The secret within it.
    pub secret: Range<usize>,
    /// One-based line and column (in characters) of the secret; 0 for the whole file.
    pub line: u32,
    /// See `line`.
    pub column: u32,
    /// Whether a comment on its line (`gitleaks:allow`) or the configuration of a Gitleaks we took over allows it.
    pub allowed: bool,
    /// The secret itself where the text has it only encoded; `secret` is then the encoded run.
    pub decoded: Option<Decoded>,
}

impl Hit {
    /// The secret, as it was before it was encoded; `text` is what was searched.
    #[must_use]
    pub fn letters<'a>(&'a self, text: &'a [u8]) -> &'a [u8] {
        match &self.decoded {
            Some(decoded) => decoded.secret(),
            None => text.get(self.secret.clone()).unwrap_or_default(),
        }
    }
}

/// A configuration's rules belong together: its allowlists are theirs.
#[derive(Debug, Default)]
pub struct Pack {
    /// Its rules.
    pub rules: Vec<Rule>,
    /// What is no finding for any of them.
    pub allow: Vec<Allow>,
    /// What is a finding that somebody allows: shown, and waived as by a comment.
    pub waive: Vec<Allow>,
}

/// Compiled rules.
pub struct Engine {
    rules: Vec<Rule>,
    /// The pack of each rule.
    pack_of: Vec<usize>,
    allows: Vec<Vec<Allow>>,
    waives: Vec<Vec<Allow>>,
    patterns: Vec<Pattern>,
    /// The patterns of each rule.
    patterns_of: Vec<Range<usize>>,
    ways: Vec<Way>,
    scanner: Scanner,
    /// Rules that any text may hold, for they have no words.
    everywhere: Vec<usize>,
}

/// How an expression is sought: worked out from it alone, so that it can be kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prepared {
    anchors: Option<Vec<Anchor>>,
    longest: usize,
    letters: Option<Bytes>,
}

impl Prepared {
    /// Works out how an expression is sought.
    ///
    /// # Errors
    /// What is wrong with the expression, for a person.
    pub fn new(pattern: &str, flavour: Flavour) -> Result<Prepared, String> {
        let hir = parse(pattern, flavour)?;
        Ok(Prepared {
            anchors: anchor::anchors(&hir),
            longest: hir.properties().maximum_len().unwrap_or(LONGEST_MATCH).min(LONGEST_MATCH),
            letters: anchor::letters(&hir),
        })
    }
}

struct Pattern {
    rule: usize,
    text: String,
    flavour: Flavour,
    regex: OnceLock<Regex>,
    /// For searching from one place on, and no further than a match can reach.
    near: OnceLock<Regex>,
    /// Most bytes a match has.
    longest: usize,
    /// All bytes a match can hold, if they are not all.
    letters: Option<Bytes>,
    /// Words of the rule of which one must stand in the text, where the match alone does not say so.
    gate: Vec<String>,
}

impl Pattern {
    /// How far a match at the start of a text can reach.
    fn reach(&self, rest: &[u8]) -> usize {
        let most = rest.len().min(self.longest);
        match &self.letters {
            Some(letters) => rest.iter().take(most).position(|byte| !letters.has(*byte)).unwrap_or(most),
            None => most,
        }
    }
}

/// One way to find a pattern.
struct Way {
    pattern: usize,
    /// `None`: the word only says that the whole text is to be searched.
    anchor: Option<Anchor>,
}

/// Where a match of a pattern may begin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    pattern: usize,
    from: usize,
    /// The last place it may begin at; the same as `from` but for runs.
    to: usize,
}

/// Why rules cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule `{rule}`: {what}")]
pub struct EngineError {
    /// The rule.
    pub rule: Arc<str>,
    /// What is wrong.
    pub what: String,
}

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, for a person.
pub(crate) fn parse(pattern: &str, flavour: Flavour) -> Result<Hir, String> {
    let (text, unicode) = match flavour {
        Flavour::Go => (crate::translate::from_go(pattern), true),
        Flavour::Ascii => (pattern.to_owned(), false),
    };
    regex_syntax::ParserBuilder::new()
        .unicode(unicode)
        .utf8(false)
        .nest_limit(100)
        .build()
        .parse(&text)
        .map_err(|problem| format!("the expression is broken: {problem}"))
}

/// Whether an expression can be used at all: read, and small enough to be compiled.
pub(crate) fn usable(pattern: &str, flavour: Flavour) -> Result<Hir, String> {
    let hir = parse(pattern, flavour)?;
    build(&hir, true)?;
    Ok(hir)
}

fn compile(pattern: &Pattern, automaton: bool) -> Result<Regex, String> {
    build(&parse(&pattern.text, pattern.flavour)?, automaton)
}

fn build(hir: &Hir, automaton: bool) -> Result<Regex, String> {
    Regex::builder()
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(32 << 20)).hybrid(automaton).dfa(automaton))
        .build_from_hir(hir)
        .map_err(|problem| format!("the expression is too large: {problem}"))
}

impl Engine {
    /// Compiles packs of rules.
    ///
    /// # Errors
    /// An expression that is broken; [`EngineError`] names its rule.
    pub fn new(packs: Vec<Pack>) -> Result<Engine, EngineError> {
        let mut engine = Engine {
            rules: Vec::new(),
            pack_of: Vec::new(),
            allows: Vec::new(),
            waives: Vec::new(),
            patterns: Vec::new(),
            patterns_of: Vec::new(),
            ways: Vec::new(),
            scanner: Scanner::new(Vec::new()),
            everywhere: Vec::new(),
        };
        let mut words = Vec::new();
        for (index, pack) in packs.into_iter().enumerate() {
            engine.allows.push(pack.allow);
            engine.waives.push(pack.waive);
            for rule in pack.rules {
                engine.add(rule, index, &mut words)?;
            }
        }
        engine.scanner = Scanner::new(words);
        Ok(engine)
    }

    fn add(&mut self, rule: Rule, pack: usize, words: &mut Vec<(Word, Vec<Bytes>)>) -> Result<(), EngineError> {
        let index = self.rules.len();
        let first = self.patterns.len();
        for (position, text) in rule.regexes.iter().enumerate() {
            let known = rule.prepared.as_ref().and_then(|prepared| prepared.get(position)).cloned();
            let worked_out = || Prepared::new(text, rule.flavour).map_err(|what| EngineError { rule: Arc::clone(&rule.meta.id), what });
            let Prepared { anchors, longest, letters } = known.map_or_else(worked_out, Ok)?;
            let pattern = self.patterns.len();
            let all_named = |anchor: &Anchor| {
                anchor.words.iter().all(|word| {
                    let word = String::from_utf8_lossy(word);
                    rule.keywords.iter().any(|keyword| word.contains(keyword.as_str()))
                })
            };
            let gated = rule.flavour == Flavour::Go && !anchors.as_ref().is_some_and(|anchors| anchors.iter().all(all_named));
            let gate = if gated { rule.keywords.clone() } else { Vec::new() };
            self.patterns.push(Pattern {
                rule: index,
                text: text.clone(),
                flavour: rule.flavour,
                regex: OnceLock::new(),
                near: OnceLock::new(),
                longest,
                letters,
                gate,
            });
            let mut add_way = |anchor: Option<Anchor>, texts: Vec<Vec<u8>>| {
                let meaning = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
                let next = anchor.as_ref().map(|anchor| anchor.fixed.clone()).unwrap_or_default();
                words.extend(texts.into_iter().map(|text| (Word { text, meaning }, next.clone())));
                self.ways.push(Way { pattern, anchor });
            };
            match anchors {
                Some(anchors) => {
                    for anchor in anchors {
                        let texts = anchor.words.clone();
                        add_way(Some(anchor), texts);
                    }
                }
                None if rule.keywords.iter().any(|keyword| keyword.len() < 2) || rule.keywords.is_empty() => self.everywhere.push(pattern),
                None => add_way(None, rule.keywords.iter().map(|keyword| keyword.as_bytes().to_vec()).collect()),
            }
        }
        self.patterns_of.push(first..self.patterns.len());
        self.pack_of.push(pack);
        self.rules.push(rule);
        Ok(())
    }

    /// All rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn regex(&self, pattern: &Pattern) -> Option<Regex> {
        if pattern.regex.get().is_none() {
            let _ = pattern.regex.set(compile(pattern, true).ok()?);
        }
        pattern.regex.get().cloned()
    }

    /// The expression for a text of so many bytes.
    fn for_length(&self, pattern: &Pattern, length: usize) -> Option<Regex> {
        if length > SHORT_TEXT {
            return self.regex(pattern);
        }
        if pattern.near.get().is_none() {
            let _ = pattern.near.set(compile(pattern, false).ok()?);
        }
        pattern.near.get().cloned()
    }

    /// Compiles all expressions now.
    ///
    /// # Errors
    /// An expression that is too large.
    pub fn warm(&self) -> Result<(), EngineError> {
        for pattern in &self.patterns {
            if pattern.regex.get().is_none() {
                let rule = || self.rules.get(pattern.rule).map(|rule| Arc::clone(&rule.meta.id)).unwrap_or_else(|| "".into());
                let regex = compile(pattern, true).map_err(|what| EngineError { rule: rule(), what })?;
                let _ = pattern.regex.set(regex);
            }
        }
        Ok(())
    }

    /// All secrets in a text, in the order of their places.
    #[must_use]
    pub fn scan(&self, text: &[u8], context: Context<'_>) -> Vec<Hit> {
        self.judge(text, context, self.matches(text, context))
    }

    /// As [`Engine::scan`], with each expression run over the whole text alone: slow, and the judge of the fast way.
    #[must_use]
    pub fn plain(&self, text: &[u8], context: Context<'_>) -> Vec<Hit> {
        self.judge(text, context, self.plain_matches(text))
    }

    /// Matches of all patterns: (pattern, range).
    fn matches(&self, text: &[u8], context: Context<'_>) -> Vec<(usize, Range<usize>)> {
        // Letters beyond ASCII that fold to ASCII ones: the words would miss them.
        if memchr::memmem::find(text, "\u{212a}".as_bytes()).is_some() || memchr::memmem::find(text, "\u{17f}".as_bytes()).is_some() {
            return self.plain_matches(text);
        }
        let mut starts: Vec<Start> = Vec::new();
        let mut whole: Vec<usize> = self.everywhere.clone();
        self.scanner.scan(text, |way, at, length| {
            let Some(way) = self.ways.get(way as usize) else { return };
            match &way.anchor {
                Some(anchor) => candidates(anchor, way.pattern, text, at, length, &mut starts),
                None => {
                    if !whole.contains(&way.pattern) {
                        whole.push(way.pattern);
                    }
                }
            }
        });
        starts.sort_unstable();
        starts.dedup();
        // Rules for other files are not run at all.
        let packs: Vec<bool> = self.allows.iter().map(|allows| allows.iter().any(|allow| allows_path(allow, context))).collect();
        let is_closed = |index: usize| {
            let rule = self.patterns.get(index).map_or(usize::MAX, |pattern| pattern.rule);
            self.rules.get(rule).is_none_or(|known| self.closed(rule, known, context, &packs))
        };
        let mut gates = Gates::new(text);
        let mut out = Vec::new();
        for group in starts.chunk_by(|a, b| a.pattern == b.pattern) {
            let Some(index) = group.first().map(|start| start.pattern) else { continue };
            let Some(pattern) = self.patterns.get(index).filter(|_| !is_closed(index)) else { continue };
            let mut end = 0;
            let mut tried = None;
            for start in group {
                let from = start.from.max(end);
                if from > start.to || tried == Some(from) {
                    continue;
                }
                tried = Some(from);
                let until = from + pattern.reach(text.get(from..).unwrap_or_default());
                let Some(regex) = self.for_length(pattern, until - from) else { continue };
                let input = Input::new(text).span(from..until).anchored(Anchored::Yes);
                let Some(found) = regex.find(input) else { continue };
                if !gates.open(&pattern.gate) {
                    break;
                }
                end = found.end().max(from + 1);
                out.push((index, found.range()));
            }
        }
        for index in whole.into_iter().filter(|index| !is_closed(*index)) {
            self.whole(index, text, &mut gates, &mut out);
        }
        out
    }

    fn whole(&self, index: usize, text: &[u8], gates: &mut Gates<'_>, out: &mut Vec<(usize, Range<usize>)>) {
        let Some(pattern) = self.patterns.get(index) else { return };
        if !gates.open(&pattern.gate) {
            return;
        }
        let Some(regex) = self.regex(pattern) else { return };
        out.extend(regex.find_iter(text).map(|found| (index, found.range())));
    }

    fn plain_matches(&self, text: &[u8]) -> Vec<(usize, Range<usize>)> {
        let mut out = Vec::new();
        let lower = String::from_utf8_lossy(text).to_lowercase();
        for (index, pattern) in self.patterns.iter().enumerate() {
            let Some(rule) = self.rules.get(pattern.rule) else { continue };
            if rule.flavour == Flavour::Go && !rule.keywords.is_empty() && !rule.keywords.iter().any(|word| lower.contains(word.as_str())) {
                continue;
            }
            let Some(regex) = self.regex(pattern) else { continue };
            out.extend(regex.find_iter(text).map(|found| (index, found.range())));
        }
        out
    }

    /// What of the matches is a finding.
    fn judge(&self, text: &[u8], context: Context<'_>, mut matches: Vec<(usize, Range<usize>)>) -> Vec<Hit> {
        matches.sort_by(|(a, left), (b, right)| (left.start, left.end, a).cmp(&(right.start, right.end, b)));
        let mut lines = Lines::new(text);
        let mut closed: HashMap<usize, bool> = HashMap::new();
        let packs: Vec<bool> = self.allows.iter().map(|allows| allows.iter().any(|allow| allows_path(allow, context))).collect();
        let mut hits = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.regexes.is_empty() && !self.closed(index, rule, context, &packs) {
                hits.push(Hit { rule: index, range: 0..0, secret: 0..0, line: 0, column: 0, allowed: false, decoded: None });
            }
        }
        for (pattern, range) in matches {
            let Some(pattern) = self.patterns.get(pattern) else { continue };
            let Some(rule) = self.rules.get(pattern.rule) else { continue };
            if *closed.entry(pattern.rule).or_insert_with(|| self.closed(pattern.rule, rule, context, &packs)) {
                continue;
            }
            let hit = match rule.flavour {
                Flavour::Go => self.gitleaks(pattern, rule, text, context, range, &mut lines),
                Flavour::Ascii => self.own(pattern, rule, text, context, range, &mut lines),
            };
            hits.extend(hit);
        }
        self.require(&mut hits);
        self.settle(text, &mut hits);
        hits
    }

    /// Whether a file of that path is none of a rule's.
    fn closed(&self, index: usize, rule: &Rule, context: Context<'_>, packs: &[bool]) -> bool {
        let matched = |set: &Option<Patterns>| set.as_ref().map(|set| set.is_match(context.path.as_bytes()));
        self.pack_of.get(index).and_then(|pack| packs.get(*pack)).copied().unwrap_or(false)
            || rule.allow.iter().any(|allow| allows_path(allow, context))
            || matched(&rule.paths) == Some(false)
            || matched(&rule.not_paths) == Some(true)
    }

    /// A match of a Gitleaks rule, judged as Gitleaks 8.30 judges.
    fn gitleaks(
        &self,
        pattern: &Pattern,
        rule: &Rule,
        text: &[u8],
        context: Context<'_>,
        range: Range<usize>,
        lines: &mut Lines<'_>,
    ) -> Option<Hit> {
        let whole = text.get(range.clone())?;
        let before = whole.iter().take_while(|byte| **byte == b'\n').count();
        let after = whole.iter().skip(before).rev().take_while(|byte| **byte == b'\n').count();
        let trimmed = whole.get(before..whole.len() - after)?;
        // The end moves by what was trimmed, the start does not: so Gitleaks shows it.
        let shown = range.start..range.start + trimmed.len();
        let base = range.start + before;
        let regex = self.for_length(pattern, trimmed.len())?;
        let mut secret = 0..trimmed.len();
        let mut captures = regex.create_captures();
        regex.captures(trimmed, &mut captures);
        if captures.is_match() && captures.group_len() > 1 {
            match rule.group {
                0 => {
                    if let Some(group) = groups(&captures).find(|group| !group.is_empty()) {
                        secret = group;
                    }
                }
                number => secret = captures.get_group(number).map(|span| span.range()).unwrap_or(0..0),
            }
        }
        let letters = trimmed.get(secret.clone())?;
        if rule.entropy.is_some_and(|least| filter::entropy(letters) <= least) {
            return None;
        }
        let line = lines.around(&shown);
        let pack = self.pack_of.get(pattern.rule).and_then(|pack| self.allows.get(*pack)).map(Vec::as_slice).unwrap_or_default();
        if pack.iter().chain(&rule.allow).any(|allow| allows(allow, letters, trimmed, line, context)) {
            return None;
        }
        let allowed = memchr::memmem::find(line, b"gitleaks:allow").is_some();
        let secret = base + secret.start..base + secret.end;
        let (line, column) = lines.place(secret.start);
        Some(Hit { rule: pattern.rule, range: base..base + trimmed.len(), secret, line, column, allowed, decoded: None })
    }

    /// A match of a rule of ours.
    fn own(
        &self,
        pattern: &Pattern,
        rule: &Rule,
        text: &[u8],
        context: Context<'_>,
        range: Range<usize>,
        lines: &mut Lines<'_>,
    ) -> Option<Hit> {
        let until = range.start + pattern.reach(text.get(range.start..)?);
        let regex = self.for_length(pattern, until - range.start)?;
        let mut captures = regex.create_captures();
        let input = Input::new(text).span(range.start..until).anchored(Anchored::Yes);
        regex.captures(input, &mut captures);
        let secret = match rule.group {
            0 => groups(&captures).find(|group| !group.is_empty()).unwrap_or_else(|| range.clone()),
            number => captures.get_group(number).map(|span| span.range())?,
        };
        let letters = text.get(secret.clone())?;
        let (least, most) = rule.length;
        if letters.is_empty() || letters.len() < least || letters.len() > most {
            return None;
        }
        if rule.entropy.is_some_and(|least| filter::entropy(letters) < least) || rule.checksum.is_some_and(|check| !check.holds(letters)) {
            return None;
        }
        let line = lines.around(&range);
        if rule.allow.iter().any(|allow| allows(allow, letters, text.get(range.clone()).unwrap_or_default(), line, context)) {
            return None;
        }
        if filter::is_placeholder(letters, rule.meta.confidence)
            || rule.meta.confidence < Confidence::Certain && filter::is_elsewhere(text, &secret)
        {
            return None;
        }
        if rule.meta.confidence == Confidence::Tentative && (filter::is_binary(text) || filter::is_example(context.path)) {
            return None;
        }
        if let Some(with) = &rule.with {
            let near = lines.near(&range, with.within);
            // An expression that cannot be compiled hides nothing; `own` refuses it when the rule is read.
            let other = regex::bytes::RegexBuilder::new(&with.regex).unicode(false).build();
            if other.is_ok_and(|other| !other.is_match(near)) {
                return None;
            }
        }
        let pack = self.pack_of.get(pattern.rule).and_then(|pack| self.waives.get(*pack)).map(Vec::as_slice).unwrap_or_default();
        let matched = text.get(range.clone()).unwrap_or_default();
        let waives = |allow: &Allow| allows_path(allow, context) || allows(allow, letters, matched, line, context);
        let allowed = memchr::memmem::find(line, b"gitleaks:allow").is_some() || pack.iter().chain(&rule.waive).any(waives);
        let (line, column) = lines.place(secret.start);
        Some(Hit { rule: pattern.rule, range, secret, line, column, allowed, decoded: None })
    }

    /// Drops hits of rules whose required rules have none near by, then those of rules that only serve others.
    fn require(&self, hits: &mut Vec<Hit>) {
        let local = |hit: &Hit| self.rules.get(hit.rule).map(|rule| &rule.local);
        let all = hits.clone();
        hits.retain(|hit| {
            let Some(rule) = self.rules.get(hit.rule) else { return false };
            !rule.silent
                && rule.required.iter().all(|required| {
                    all.iter().any(|other| {
                        local(other) == Some(&required.rule)
                            && self.pack_of.get(other.rule) == self.pack_of.get(hit.rule)
                            && required.within_lines.is_none_or(|most| other.line.abs_diff(hit.line) as usize <= most)
                            && required.within_columns.is_none_or(|most| other.column.abs_diff(hit.column) as usize <= most)
                    })
                })
        });
    }

    /// One secret is found once: by the rule that knows most of it.
    fn settle(&self, text: &[u8], hits: &mut Vec<Hit>) {
        let all = hits.clone();
        let secret = |hit: &Hit| text.get(hit.secret.clone()).unwrap_or_default();
        hits.retain(|hit| {
            let Some(rule) = self.rules.get(hit.rule) else { return false };
            !all.iter().any(|other| {
                let Some(stronger) = self.rules.get(other.rule) else { return false };
                if other.rule == hit.rule {
                    return false;
                }
                match (rule.flavour, stronger.flavour) {
                    // As Gitleaks drops what its generic rule finds beside another.
                    (Flavour::Go, Flavour::Go) => {
                        is_generic(rule)
                            && !is_generic(stronger)
                            && hit.line == other.line
                            && memchr::memmem::find(secret(other), secret(hit)).is_some()
                    }
                    (Flavour::Go, Flavour::Ascii) => overlap(&hit.secret, &other.secret),
                    (Flavour::Ascii, Flavour::Go) => false,
                    (Flavour::Ascii, Flavour::Ascii) => overlap(&hit.secret, &other.secret) && rank(stronger, other) > rank(rule, hit),
                }
            })
        });
        hits.sort_by_key(|hit| (hit.secret.start, hit.rule, hit.secret.end));
    }
}

/// Which of two rules of ours keeps a secret: the surer, then the graver, then the one that saw more of it, then the first by id.
fn rank<'a>(rule: &'a Rule, hit: &Hit) -> (Confidence, probity_core::Severity, usize, std::cmp::Reverse<&'a str>) {
    (rule.meta.confidence, rule.meta.severity, hit.secret.len(), std::cmp::Reverse(&rule.meta.id))
}

fn is_generic(rule: &Rule) -> bool {
    rule.local.to_ascii_lowercase().contains("generic")
}

pub(crate) fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

fn groups(captures: &Captures) -> impl Iterator<Item = Range<usize>> + '_ {
    (1..captures.group_len()).filter_map(|number| captures.get_group(number)).map(|span| span.range())
}

/// Adds where a match around a word may begin, where what stands around it allows one.
#[inline]
fn candidates(anchor: &Anchor, pattern: usize, text: &[u8], at: usize, length: usize, starts: &mut Vec<Start>) {
    let mut place = at;
    for set in &anchor.fixed {
        match text.get(place) {
            Some(byte) if set.has(*byte) => place += 1,
            _ => return,
        }
    }
    if anchor.follow.as_ref().is_some_and(|follow| !follow.stands(text, at + length)) {
        return;
    }
    match &anchor.back {
        Back::Fixed(least, most) => {
            for back in *least..=*most {
                if let Some(from) = at.checked_sub(back) {
                    starts.push(Start { pattern, from, to: from });
                }
            }
        }
        Back::Run(set, most) => {
            let run = text.get(..at).unwrap_or_default().iter().rev().take(*most).take_while(|byte| set.has(**byte)).count();
            starts.push(Start { pattern, from: at - run, to: at });
        }
    }
}

fn allows_path(allow: &Allow, context: Context<'_>) -> bool {
    let path = allow.paths.as_ref().map(|paths| !context.path.is_empty() && paths.is_match(context.path.as_bytes()));
    let commit = (!allow.commits.is_empty()).then(|| allow.commits.iter().any(|commit| *commit == context.commit));
    if !allow.all {
        return path == Some(true) || commit == Some(true);
    }
    // What a secret is compared with comes later.
    let named = path.is_some() || commit.is_some();
    named && allow.regexes.is_none() && allow.words.is_empty() && path != Some(false) && commit != Some(false)
}

fn allows(allow: &Allow, secret: &[u8], matched: &[u8], line: &[u8], context: Context<'_>) -> bool {
    let target = match allow.target {
        Target::Secret => secret,
        Target::Match => matched,
        Target::Line => line,
    };
    let regex = allow.regexes.as_ref().map(|regexes| !target.is_empty() && regexes.is_match(target));
    let word = (!allow.words.is_empty()).then(|| {
        let lower = String::from_utf8_lossy(secret).to_lowercase();
        allow.words.iter().any(|word| lower.contains(word.as_str()))
    });
    if !allow.all {
        return regex == Some(true) || word == Some(true);
    }
    let path = allow.paths.as_ref().map(|paths| paths.is_match(context.path.as_bytes()));
    let commit = (!allow.commits.is_empty()).then(|| allow.commits.iter().any(|commit| *commit == context.commit));
    let checks = [regex, word, path, commit];
    checks.iter().any(Option::is_some) && checks.into_iter().flatten().all(|holds| holds)
}

/// Which words a text has, asked at most once each.
struct Gates<'a> {
    text: &'a [u8],
    lower: Option<String>,
    known: HashMap<String, bool>,
}

impl<'a> Gates<'a> {
    fn new(text: &'a [u8]) -> Gates<'a> {
        Gates { text, lower: None, known: HashMap::new() }
    }

    /// Whether the text has one of the words, or there are none.
    fn open(&mut self, words: &[String]) -> bool {
        words.is_empty()
            || words.iter().any(|word| {
                if let Some(known) = self.known.get(word) {
                    return *known;
                }
                let lower = self.lower.get_or_insert_with(|| String::from_utf8_lossy(self.text).to_lowercase());
                let has = lower.contains(word.as_str());
                self.known.insert(word.clone(), has);
                has
            })
    }
}

/// Lines of a text; places are asked for in rising order.
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Lines<'a> {
        Lines { text, at: 0, line: 1 }
    }

    /// One-based line and column, in characters.
    pub(crate) fn place(&mut self, offset: usize) -> (u32, u32) {
        if offset < self.at {
            (self.at, self.line) = (0, 1);
        }
        let between = self.text.get(self.at..offset).unwrap_or_default();
        self.line = self.line.saturating_add(u32::try_from(memchr::memchr_iter(b'\n', between).count()).unwrap_or(u32::MAX));
        self.at = offset;
        let before = self.text.get(self.start(offset)..offset).unwrap_or_default();
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        (self.line, u32::try_from(column).unwrap_or(u32::MAX))
    }

    fn start(&self, offset: usize) -> usize {
        self.text.get(..offset).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |at| at + 1)
    }

    fn end(&self, offset: usize) -> usize {
        self.text.get(offset..).and_then(|rest| memchr::memchr(b'\n', rest)).map_or(self.text.len(), |at| offset + at)
    }

    /// The whole lines a range is on.
    pub(crate) fn around(&self, range: &Range<usize>) -> &'a [u8] {
        self.text.get(self.start(range.start)..self.end(range.end)).unwrap_or_default()
    }

    /// So many lines before and after a range too.
    fn near(&self, range: &Range<usize>, lines: usize) -> &'a [u8] {
        let mut start = self.start(range.start);
        let mut end = self.end(range.end);
        for _ in 0..lines {
            start = self.start(start.saturating_sub(1));
            end = self.end((end + 1).min(self.text.len()));
        }
        self.text.get(start..end).unwrap_or_default()
    }
}
