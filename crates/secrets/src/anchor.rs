//! What every match of a regular expression holds: the words it is sought by, how far before them a match may begin, and what must
//! follow them.
//!
//! Everything here is a necessary condition: what it lets through is judged by the expression itself, so it can cost time and never a
//! match. Letter case is folded, ASCII only; texts with the two letters beyond ASCII that fold to ASCII ones are searched plainly.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde::{Deserialize, Serialize};

/// Most words one expression is sought by.
const MOST_WORDS: usize = 160;
/// Longest word that is kept.
const LONGEST_WORD: usize = 24;
/// Most places a match may begin at before one word.
const MOST_STARTS: usize = 12;
/// Most fixed bytes that are looked at behind the start.
const MOST_FIXED: usize = 24;

/// A set of bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bytes([u64; 4]);

impl Bytes {
    pub(crate) const NONE: Bytes = Bytes([0; 4]);
    const ALL: Bytes = Bytes([u64::MAX; 4]);

    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    fn join(&mut self, other: &Bytes) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=255_u8).filter(|byte| self.has(*byte))
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.iter().collect::<Vec<u8>>()).escape_debug())
    }
}

/// Where a match may begin before a word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Back {
    /// So many bytes before it, least and most.
    Fixed(usize, usize),
    /// At most so many bytes of that set before it.
    Run(Bytes, usize),
}

/// What must follow a word of an assignment: at most `most` bytes of `between`, then one of `then`; and then, within `gap` bytes of
/// `filler`, the bytes of `value`, one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Follow {
    between: Bytes,
    most: usize,
    then: Bytes,
    filler: Bytes,
    gap: usize,
    value: Vec<Bytes>,
}

impl Follow {
    /// Whether that stands at `place`.
    #[inline]
    pub(crate) fn stands(&self, text: &[u8], place: usize) -> bool {
        let rest = text.get(place..).unwrap_or_default();
        for (skipped, byte) in rest.iter().enumerate().take(self.most + 1) {
            if self.then.has(*byte) && self.value_follows(rest.get(skipped + 1..).unwrap_or_default()) {
                return true;
            }
            if !self.between.has(*byte) {
                return false;
            }
        }
        false
    }

    #[inline]
    fn value_follows(&self, rest: &[u8]) -> bool {
        for skipped in 0..=self.gap {
            let Some(value) = rest.get(skipped..) else { return false };
            if value.len() >= self.value.len() && value.iter().zip(&self.value).all(|(byte, set)| set.has(*byte)) {
                return true;
            }
            if value.first().is_none_or(|byte| !self.filler.has(*byte)) {
                return false;
            }
        }
        false
    }
}

/// One way an expression is sought: every match by this way holds one of the words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// The words, lower case.
    pub(crate) words: Vec<Vec<u8>>,
    /// Where the match begins.
    pub(crate) back: Back,
    /// What the bytes from the word's first on are, one after the other, in the expression's own letter case.
    pub(crate) fixed: Vec<Bytes>,
    /// What follows the word, where the words are whole.
    pub(crate) follow: Option<Follow>,
}

/// The ways of an expression, which together cover every match; `None` where there are none that are worth it.
pub(crate) fn anchors(hir: &Hir) -> Option<Vec<Anchor>> {
    let mut items = Vec::new();
    flatten(hir, &mut items);
    if let [HirKind::Alternation(branches)] = items.iter().map(|item| item.kind()).collect::<Vec<_>>().as_slice()
        && best(&items).is_none()
    {
        let mut all = Vec::new();
        for branch in branches {
            all.extend(anchors(branch)?);
        }
        return Some(all);
    }
    best(&items).map(|anchor| vec![anchor])
}

fn flatten<'a>(hir: &'a Hir, out: &mut Vec<&'a Hir>) {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().for_each(|part| flatten(part, out)),
        HirKind::Capture(capture) => flatten(&capture.sub, out),
        HirKind::Empty => {}
        _ => out.push(hir),
    }
}

fn best(items: &[&Hir]) -> Option<Anchor> {
    let mut best: Option<(usize, Anchor)> = None;
    for start in 0..items.len() {
        let (before, rest) = items.split_at_checked(start)?;
        if rest.first().is_some_and(|item| matches!(item.kind(), HirKind::Look(_))) {
            continue;
        }
        let Some(back) = back(before) else { continue };
        let Some((words, used)) = prefixes(rest) else { continue };
        let least = words.iter().map(Vec::len).min().unwrap_or(0);
        let fixed = fixed(rest);
        // Two letters are a word only with something exact behind them.
        if least < 2 || least == 2 && fixed.len() < 4 {
            continue;
        }
        let score = least.min(8) * 1000 - words.len().min(900);
        if best.as_ref().is_none_or(|(other, _)| score > *other) {
            let follow = used.and_then(|used| follow(rest.get(used..)?));
            best = Some((score, Anchor { words, back, fixed, follow }));
        }
    }
    best.map(|(_, anchor)| anchor)
}

/// How far before what follows `items` a match begins.
fn back(items: &[&Hir]) -> Option<Back> {
    let solid: Vec<&&Hir> = items.iter().filter(|item| !matches!(item.kind(), HirKind::Look(_))).collect();
    if solid.is_empty() {
        return Some(Back::Fixed(0, 0));
    }
    let run = solid.iter().try_fold((None::<Bytes>, 0_usize), |(set, most), item| {
        let (of, min, max) = repeated(item)?;
        (min == 0 && set.as_ref().is_none_or(|set| *set == of)).then_some((Some(of), most + max?))
    });
    if let Some((Some(set), most)) = run
        && solid.len() == items.len()
    {
        return Some(Back::Run(set, most));
    }
    let mut least = 0;
    let mut most = 0;
    for item in solid {
        least += item.properties().minimum_len()?;
        most += item.properties().maximum_len()?;
    }
    (most - least < MOST_STARTS).then_some(Back::Fixed(least, most))
}

/// A class repeated: the class, least and most.
fn repeated(hir: &Hir) -> Option<(Bytes, usize, Option<usize>)> {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let set = match repetition.sub.kind() {
                HirKind::Capture(capture) => class(&capture.sub)?,
                _ => class(&repetition.sub)?,
            };
            let max = repetition.max.map(usize::try_from).transpose().ok()?;
            Some((set, usize::try_from(repetition.min).ok()?, max))
        }
        _ => class(hir).map(|set| (set, 1, Some(1))),
    }
}

/// The bytes of a class or of a literal of one byte; `None` for classes beyond ASCII but for the two letters that fold to ASCII.
fn class(hir: &Hir) -> Option<Bytes> {
    let mut set = Bytes::NONE;
    match hir.kind() {
        HirKind::Literal(literal) => match &*literal.0 {
            [byte] => set.add(*byte),
            _ => return None,
        },
        HirKind::Class(Class::Bytes(class)) => class.iter().for_each(|range| (range.start()..=range.end()).for_each(|byte| set.add(byte))),
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.iter() {
                if range.start() == range.end() && matches!(range.start(), '\u{17f}' | '\u{212a}') {
                    continue;
                }
                if !range.end().is_ascii() {
                    return None;
                }
                (range.start() as u32..=range.end() as u32).for_each(|letter| set.add(u8::try_from(letter).unwrap_or(0)));
            }
        }
        _ => return None,
    }
    Some(set)
}

/// The words that begin what `items` match, and, where the words are whole, how many items they cover.
fn prefixes(items: &[&Hir]) -> Option<(Vec<Vec<u8>>, Option<usize>)> {
    let mut words = vec![Vec::new()];
    for (index, item) in items.iter().enumerate() {
        let whole = exact(item).and_then(|more| product(&words, &more));
        match whole {
            Some(longer) if longer.iter().all(|word| word.len() <= LONGEST_WORD) => words = longer,
            _ => {
                // What does not fit whole may still begin with words.
                let begun = match item.kind() {
                    HirKind::Alternation(_) | HirKind::Repetition(_) => beginnings(item).and_then(|more| product(&words, &more)),
                    _ => None,
                };
                let least = |words: &[Vec<u8>]| words.iter().map(Vec::len).min().unwrap_or(0);
                return match begun {
                    Some(longer) if least(&longer) > least(&words) => Some((clean(longer), None)),
                    _ => Some((clean(words), Some(index))),
                };
            }
        }
    }
    Some((clean(words), Some(items.len())))
}

fn clean(mut words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    words.sort();
    words.dedup();
    words
}

/// Words that begin every match of one item.
fn beginnings(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(beginnings(branch)?);
            }
            (all.len() <= MOST_WORDS).then_some(all)
        }
        HirKind::Repetition(repetition) => (repetition.min > 0).then(|| beginnings(&repetition.sub)).flatten(),
        _ => {
            let mut items = Vec::new();
            flatten(hir, &mut items);
            if let [only] = items.as_slice()
                && matches!(only.kind(), HirKind::Alternation(_) | HirKind::Repetition(_))
                && !matches!(hir.kind(), HirKind::Alternation(_) | HirKind::Repetition(_))
            {
                return beginnings(only);
            }
            items.retain(|item| !matches!(item.kind(), HirKind::Look(_)));
            prefixes(&items).map(|(words, _)| words).filter(|words| words.iter().all(|word| !word.is_empty()))
        }
    }
}

/// All texts an item can match, lower case; `None` where they are too many.
fn exact(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(_) => {
            let set = class(hir)?;
            let mut letters: Vec<Vec<u8>> = set.iter().map(|byte| vec![byte.to_ascii_lowercase()]).collect();
            letters.sort();
            letters.dedup();
            (letters.len() <= 6).then_some(letters)
        }
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => parts.iter().try_fold(vec![Vec::new()], |words, part| product(&words, &exact(part)?)),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(exact(branch)?);
            }
            (all.len() <= MOST_WORDS).then_some(all)
        }
        HirKind::Repetition(repetition) => {
            let max = repetition.max.filter(|max| *max <= 4)?;
            let sub = exact(&repetition.sub)?;
            let mut all = Vec::new();
            let mut power = vec![Vec::new()];
            for times in 0..=max {
                if times >= repetition.min {
                    all.extend(power.iter().cloned());
                }
                if times < max {
                    power = product(&power, &sub)?;
                }
            }
            (all.len() <= MOST_WORDS).then_some(all)
        }
    }
}

fn product(words: &[Vec<u8>], more: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    (words.len() * more.len() <= MOST_WORDS)
        .then(|| words.iter().flat_map(|word| more.iter().map(move |end| [word.as_slice(), end].concat())).collect())
}

/// The bytes every match has from here on, one after the other, as far as they are at fixed places.
fn fixed(items: &[&Hir]) -> Vec<Bytes> {
    let mut out = Vec::new();
    for item in items {
        if !extend_fixed(item, &mut out) || out.len() >= MOST_FIXED {
            break;
        }
    }
    out.truncate(MOST_FIXED);
    out
}

/// Whether what follows still stands at a fixed place.
fn extend_fixed(hir: &Hir, out: &mut Vec<Bytes>) -> bool {
    match hir.kind() {
        HirKind::Look(_) | HirKind::Empty => true,
        HirKind::Literal(literal) => {
            for byte in &literal.0 {
                let mut set = Bytes::NONE;
                set.add(*byte);
                out.push(set);
            }
            true
        }
        HirKind::Class(_) => match class(hir) {
            Some(set) => {
                out.push(set);
                true
            }
            None => false,
        },
        HirKind::Capture(capture) => extend_fixed(&capture.sub, out),
        HirKind::Concat(parts) => parts.iter().all(|part| extend_fixed(part, out)),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min {
                if out.len() >= MOST_FIXED || !extend_fixed(&repetition.sub, out) {
                    return false;
                }
            }
            repetition.max == Some(repetition.min)
        }
        HirKind::Alternation(branches) => {
            // Place by place, as far as the shortest branch reaches.
            let mut all: Option<Vec<Bytes>> = None;
            let mut same = true;
            for branch in branches {
                let mut mine = Vec::new();
                same &= extend_fixed(branch, &mut mine);
                match &mut all {
                    None => all = Some(mine),
                    Some(all) => {
                        same &= all.len() == mine.len();
                        all.truncate(mine.len());
                        all.iter_mut().zip(&mine).for_each(|(set, other)| set.join(other));
                    }
                }
            }
            out.extend(all.unwrap_or_default());
            same
        }
    }
}

/// What must follow whole words: optional classes, then something that is not optional, then optional classes, then the value.
fn follow(items: &[&Hir]) -> Option<Follow> {
    let mut between = Bytes::NONE;
    let mut most = 0;
    let mut rest = items.iter();
    let operator = loop {
        let item = rest.next()?;
        if matches!(item.kind(), HirKind::Look(_)) {
            return None;
        }
        match repeated(item) {
            Some((set, 0, max)) => {
                between.join(&set);
                most += max?;
            }
            _ => break item,
        }
    };
    let then = first(operator)?;
    if then.len() >= 64 {
        return None;
    }
    let mut out = Follow { between, most, then, filler: Bytes::NONE, gap: 0, value: Vec::new() };
    // What is left of the operator after its first byte may be anything it can hold.
    let Some(longest) = operator.properties().maximum_len().filter(|longest| *longest <= 8) else { return Some(out) };
    let Some(letters) = letters(operator) else { return Some(out) };
    out.filler = letters;
    out.gap = longest - 1;
    let mut left: Vec<&Hir> = rest.copied().collect();
    while let Some((set, 0, Some(max))) = left.first().and_then(|item| repeated(item)) {
        out.filler.join(&set);
        out.gap += max;
        left.remove(0);
    }
    out.value = fixed(&left);
    Some(out)
}

/// All bytes that can stand anywhere in what an item matches.
pub(crate) fn letters(hir: &Hir) -> Option<Bytes> {
    let mut out = Bytes::NONE;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|byte| out.add(*byte)),
        HirKind::Class(_) => out = class(hir)?,
        HirKind::Capture(capture) => return letters(&capture.sub),
        HirKind::Repetition(repetition) => return letters(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            for part in parts {
                out.join(&letters(part)?);
            }
        }
    }
    Some(out)
}

/// The bytes an item can begin with; `None` where it may be empty.
fn first(hir: &Hir) -> Option<Bytes> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let mut set = Bytes::NONE;
            set.add(*literal.0.first()?);
            Some(set)
        }
        HirKind::Class(_) => Some(class(hir).unwrap_or(Bytes::ALL)),
        HirKind::Capture(capture) => first(&capture.sub),
        HirKind::Concat(parts) => first(parts.first()?),
        HirKind::Alternation(branches) => branches.iter().try_fold(Bytes::NONE, |mut set, branch| {
            set.join(&first(branch)?);
            Some(set)
        }),
        HirKind::Repetition(repetition) if repetition.min > 0 => first(&repetition.sub),
        _ => None,
    }
}
