//! Secrets in values that are written down encoded. A layer above the rules: an encoded run is replaced by what it says, the lines around
//! it are searched again by all rules, and what touches the decoded part is a hit whose place is the run, as Gitleaks has it.
//!
//! What an encoding is lives in `encoding`.

use std::fmt;
use std::ops::Range;

use probity_core::Confidence;

use crate::encoding::{Encoding, Run, runs};
use crate::engine::{Context, Engine, Hit, Lines, overlap};
use crate::filter;

/// How many times encoded a value may be, unless somebody says otherwise.
pub const DECODE_DEPTH: usize = 3;
/// Lines before and after a run that are searched with it.
const LINES_AROUND: usize = 3;
/// Bytes before and after a run that are searched with it, at most.
const BYTES_AROUND: usize = 512;

/// A secret that stands in a text only encoded. It shows itself to nobody but by [`Decoded::secret`].
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded {
    secret: Vec<u8>,
    /// How it was encoded, in the order in which that was done.
    pub encodings: Vec<Encoding>,
}

impl Decoded {
    /// The secret itself.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded").field("length", &self.secret.len()).field("encodings", &self.encodings).finish()
    }
}

/// A text with runs of the one before it replaced by what they say.
struct Layer {
    text: Vec<u8>,
    runs: Vec<Replaced>,
}

/// A run: where it was in the text before, where what it says is now.
struct Replaced {
    from: Range<usize>,
    to: Range<usize>,
    encoding: Encoding,
}

impl Layer {
    /// A part of a text, with runs within it replaced.
    fn new(text: &[u8], part: Range<usize>, runs: &[Run]) -> Layer {
        let mut layer = Layer { text: Vec::with_capacity(part.len()), runs: Vec::with_capacity(runs.len()) };
        let mut at = part.start;
        for run in runs {
            layer.text.extend_from_slice(text.get(at..run.at.start).unwrap_or_default());
            let start = layer.text.len();
            layer.text.extend_from_slice(&run.text);
            layer.runs.push(Replaced { from: run.at.clone(), to: start..layer.text.len(), encoding: run.encoding });
            at = run.at.end;
        }
        layer.text.extend_from_slice(text.get(at..part.end).unwrap_or_default());
        layer
    }

    /// The runs that a range of this text touches.
    fn touched<'l>(&'l self, range: &'l Range<usize>) -> impl Iterator<Item = &'l Replaced> {
        let first = self.runs.partition_point(|run| run.to.end <= range.start);
        self.runs.iter().skip(first).take_while(|run| run.to.start < range.end)
    }

    /// Where a range of this text is in the one before, whose part that is began at `start`. What is a part of a run is all of it.
    fn before(&self, range: &Range<usize>, start: usize) -> Range<usize> {
        let place = |at: usize, end: bool| {
            let next = self.runs.partition_point(|run| if end { run.to.end < at } else { run.to.end <= at });
            match self.runs.get(next) {
                Some(run) if run.to.start < at || !end && run.to.start == at => {
                    if end {
                        run.from.end
                    } else {
                        run.from.start
                    }
                }
                _ => match next.checked_sub(1).and_then(|last| self.runs.get(last)) {
                    Some(run) => run.from.end + (at - run.to.end),
                    None => start + at,
                },
            }
        };
        let from = place(range.start, false);
        from..place(range.end, true).max(from)
    }
}

/// A hit in a layer, and where it is there.
struct Deep {
    hit: Hit,
    layer: usize,
    here: Range<usize>,
    /// Whether a surer one at the same place is known.
    stale: bool,
}

impl Engine {
    /// All secrets in a text, also those that are encoded up to `depth` times over.
    #[must_use]
    pub fn search(&self, text: &[u8], context: Context<'_>, depth: usize) -> Vec<Hit> {
        self.with_decoded(text, depth, &|text| self.scan(text, context))
    }

    /// As [`Engine::search`], by [`Engine::plain`].
    #[must_use]
    pub fn search_plain(&self, text: &[u8], context: Context<'_>, depth: usize) -> Vec<Hit> {
        self.with_decoded(text, depth, &|text| self.plain(text, context))
    }

    fn with_decoded(&self, text: &[u8], depth: usize, scan: &dyn Fn(&[u8]) -> Vec<Hit>) -> Vec<Hit> {
        let mut hits = scan(text);
        if depth == 0 {
            return hits;
        }
        let runs = runs(text);
        if runs.is_empty() {
            return hits;
        }
        let binary = filter::is_binary(text);
        let mut found = Vec::new();
        for (part, runs) in parts(text, &runs) {
            let new = self.deep(text, part, runs, depth, scan);
            found.extend(new.into_iter().filter(|hit| !binary || self.confidence(hit) > Confidence::Tentative));
        }
        if found.is_empty() {
            return hits;
        }
        // One secret is found once: as it stands, unless the rule for what it says is surer.
        let mut kept: Vec<Hit> = Vec::new();
        for hit in found {
            let beside = |other: &Hit| overlap(&other.secret, &hit.secret);
            if hits.iter().any(|other| beside(other) && self.confidence(other) >= self.confidence(&hit)) {
                continue;
            }
            let same = |other: &Hit| other.rule == hit.rule && beside(other) && other.letters(text) == hit.letters(text);
            if !kept.iter().any(same) {
                kept.push(hit);
            }
        }
        hits.retain(|hit| {
            let surer: Vec<&mut Hit> = kept.iter_mut().filter(|other| hit.line > 0 && overlap(&other.secret, &hit.secret)).collect();
            let stays = surer.is_empty();
            // What the weaker rule took for the secret stays covered.
            for other in surer {
                other.secret = union(&other.secret, &hit.secret);
                other.range = union(&other.range, &hit.range);
            }
            stays
        });
        let mut lines = Lines::new(text);
        for hit in &mut kept {
            (hit.line, hit.column) = lines.place(hit.secret.start);
            hit.allowed |= memchr::memmem::find(lines.around(&hit.secret), b"gitleaks:allow").is_some();
        }
        hits.extend(kept);
        hits.sort_by_key(|hit| (hit.secret.start, hit.rule, hit.secret.end));
        hits
    }

    fn confidence(&self, hit: &Hit) -> Confidence {
        self.rules().get(hit.rule).map_or(Confidence::Tentative, |rule| rule.meta.confidence)
    }

    /// What a part of a text holds when its runs are decoded, with places in the text.
    fn deep(&self, text: &[u8], part: Range<usize>, runs: &[Run], depth: usize, scan: &dyn Fn(&[u8]) -> Vec<Hit>) -> Vec<Hit> {
        let start = part.start;
        let mut layers = vec![Layer::new(text, part, runs)];
        let mut found: Vec<Deep> = Vec::new();
        for level in 0..depth {
            let Some(layer) = layers.get(level) else { break };
            for hit in scan(&layer.text) {
                // A rule that looks at paths alone has said so of the file already.
                if hit.line == 0 {
                    continue;
                }
                let escape = |run: &Replaced| run.encoding == Encoding::Percent;
                if layer.touched(&hit.secret).next().is_some() || layer.touched(&hit.range).any(escape) {
                    self.take(&layers, start, level, hit, &mut found);
                }
            }
            if level + 1 == depth {
                break;
            }
            let Some(layer) = layers.get(level) else { break };
            let mut next = self::runs(&layer.text);
            next.retain(|run| layer.touched(&run.at).next().is_some());
            if next.is_empty() {
                break;
            }
            let whole = 0..layer.text.len();
            let deeper = Layer::new(&layer.text, whole, &next);
            layers.push(deeper);
        }
        found.into_iter().filter(|deep| !deep.stale).map(|deep| deep.hit).collect()
    }

    /// Takes in a hit of a layer, unless one before it at the same place is as sure.
    fn take(&self, layers: &[Layer], start: usize, level: usize, hit: Hit, found: &mut Vec<Deep>) {
        let sure = self.confidence(&hit);
        let mut encodings: Vec<Encoding> = Vec::new();
        let (mut range, mut secret) = (hit.range.clone(), hit.secret.clone());
        let mut beaten = Vec::new();
        for (index, layer) in layers.iter().enumerate().take(level + 1).rev() {
            if index < level {
                for (place, known) in found.iter().enumerate() {
                    if known.layer == index && overlap(&known.here, &secret) {
                        if self.confidence(&known.hit) >= sure {
                            return;
                        }
                        beaten.push(place);
                    }
                }
            }
            let touched: Vec<Encoding> = layer.touched(&secret).map(|run| run.encoding).collect();
            let escapes = layer.touched(&range).map(|run| run.encoding).filter(|encoding| *encoding == Encoding::Percent);
            if let Some(encoding) = touched.into_iter().chain(escapes).next() {
                encodings.push(encoding);
            }
            let from = if index == 0 { start } else { 0 };
            (range, secret) = (layer.before(&range, from), layer.before(&secret, from));
        }
        for place in beaten {
            if let Some(known) = found.get_mut(place) {
                known.stale = true;
            }
        }
        let letters = layers.get(level).and_then(|layer| layer.text.get(hit.secret.clone())).unwrap_or_default().to_vec();
        let here = hit.secret.clone();
        let decoded = Some(Decoded { secret: letters, encodings });
        found.push(Deep { hit: Hit { range, secret, decoded, ..hit }, layer: level, here, stale: false });
    }
}

fn union(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}

/// Parts of a text around its runs, each with the runs in it; none overlaps another.
fn parts<'r>(text: &[u8], runs: &'r [Run]) -> Vec<(Range<usize>, &'r [Run])> {
    let mut out: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let least = run.at.start.saturating_sub(BYTES_AROUND);
        let before = text.get(least..run.at.start).unwrap_or_default();
        let start = memchr::memrchr_iter(b'\n', before).nth(LINES_AROUND).map_or(least, |at| least + at + 1);
        let after = text.get(run.at.end..).unwrap_or_default();
        let after = after.get(..after.len().min(BYTES_AROUND)).unwrap_or_default();
        let end = run.at.end + memchr::memchr_iter(b'\n', after).nth(LINES_AROUND).unwrap_or(after.len());
        match out.last_mut() {
            Some((part, list)) if start <= part.end => {
                part.end = part.end.max(end);
                list.end = index + 1;
            }
            _ => out.push((start..end, index..index + 1)),
        }
    }
    out.into_iter().map(|(part, list)| (part, runs.get(list).unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Pack;
    use crate::gitleaks;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use probity_value::FileId;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const CONFIG: &str = r#"
[[rules]]
id = "acme"
regex = '''\b(acme_[0-9a-z]{16})\b'''
keywords = ["acme_"]

[[rules]]
id = "generic"
regex = '''(?i)(?:password|token)["' ]{0,3}[:=]["' ]{0,3}([^\s"'=]{10,})'''
keywords = ["password", "token"]

[[rules]]
id = "shared-key"
regex = '''-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY-----[\s\S-]{10,}?KEY-----'''
keywords = ["-----begin"]

[[rules]]
id = "a-file"
path = '''\.p12$'''
"#;

    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        let (mut configuration, _) = gitleaks::parse(CONFIG, FileId(0));
        assert_eq!(configuration.finish(), []);
        Engine::new(vec![Pack { rules: configuration.rules, allow: configuration.allow, ..Pack::default() }]).unwrap()
    });

    const CONTEXT: Context<'_> = Context { path: "a.yaml", commit: "" };

    /// An invented secret, in two parts, so that this file holds none.
    fn secret() -> String {
        format!("acme_{}", "q7wc9xkp2lmz4hvb")
    }

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    fn percent(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    /// `line:column rule secret (encodings) place` of each hit.
    fn found(text: &str) -> Vec<String> {
        let hits = ENGINE.search(text.as_bytes(), CONTEXT, DECODE_DEPTH);
        assert_eq!(hits, ENGINE.search_plain(text.as_bytes(), CONTEXT, DECODE_DEPTH), "{text}");
        hits.iter()
            .map(|hit| {
                let rule = &ENGINE.rules()[hit.rule].local;
                let how: Vec<String> = hit.decoded.iter().flat_map(|decoded| &decoded.encodings).map(ToString::to_string).collect();
                let letters = String::from_utf8_lossy(hit.letters(text.as_bytes()));
                let place = text.get(hit.secret.clone()).unwrap();
                format!("{}:{} {rule} {letters} [{}] {place}", hit.line, hit.column, how.join(", "))
            })
            .collect()
    }

    #[test]
    fn encoded_secrets_are_found_where_they_stand() {
        let secret = secret();
        let check = |text: &str, expected: &[String]| assert_eq!(found(text), expected, "{text}");
        let encoded = STANDARD.encode(&secret);
        check(&format!("x: 1\n  a: {encoded}\n"), &[format!("2:6 acme {secret} [base64-encoded] {encoded}")]);
        check(&format!("a: {}\n", hex(&secret)), &[format!("1:4 acme {secret} [hex-encoded] {}", hex(&secret))]);
        let url = percent(&secret);
        check(&format!("a: {url}\n"), &[format!("1:4 acme {secret} [percent-encoded] {url}")]);
        let twice = STANDARD.encode(hex(&secret));
        check(&twice, &[format!("1:1 acme {secret} [hex-encoded, base64-encoded] {twice}")]);
        let thrice = STANDARD.encode(URL_SAFE_NO_PAD.encode(hex(&secret)));
        check(&thrice, &[format!("1:1 acme {secret} [hex-encoded, base64-encoded, base64-encoded] {thrice}")]);
        check(&STANDARD.encode(&thrice), &[]);
        // base64 that somebody put into an address.
        let address = encoded.replace('=', "%3D");
        check(&format!("?t={address}&x"), &[format!("1:4 acme {secret} [base64-encoded] {}", encoded.trim_end_matches('='))]);
    }

    #[test]
    fn the_name_before_a_run_counts() {
        let encoded = STANDARD.encode("correct-horse-battery");
        let text = format!("password: {encoded}\n");
        // As it stands it is found already, and told once.
        assert_eq!(found(&text), [format!("1:11 generic {} [] {}", encoded.trim_end_matches('='), encoded.trim_end_matches('='))]);
        let text = format!("password%3D{}\n", "correct-horse-battery");
        assert_eq!(found(&text), ["1:12 generic correct-horse-battery [percent-encoded] correct-horse-battery"]);
        // A surer rule for what it says takes the place of one that only saw a value.
        let encoded = STANDARD.encode(secret());
        assert_eq!(found(&format!("token = {encoded}\n")), [format!("1:9 acme {} [base64-encoded] {encoded}", secret())]);
        // All that one took for the secret is what is covered.
        assert_eq!(found(&format!("token = aaaa:{encoded}\n")), [format!("1:9 acme {} [base64-encoded] aaaa:{encoded}", secret())]);
        // What is beside a run is no finding of the run's.
        let text = format!("token = aaaabbbbcccc {}\n", STANDARD.encode("nothing of interest"));
        assert_eq!(found(&text), ["1:9 generic aaaabbbbcccc [] aaaabbbbcccc"]);
    }

    #[test]
    fn what_is_allowed_and_what_is_of_a_path_is_told_once() {
        let text = format!("{} # gitleaks:allow\n", STANDARD.encode(secret()));
        assert!(ENGINE.search(text.as_bytes(), CONTEXT, 3)[0].allowed);
        let context = Context { path: "a.p12", commit: "" };
        assert_eq!(ENGINE.search(text.as_bytes(), context, 3).len(), 2);
        assert_eq!(ENGINE.search(text.as_bytes(), context, 0).len(), 1);
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let text = STANDARD.encode(secret());
        let shown = format!("{:?}", ENGINE.search(text.as_bytes(), CONTEXT, 3));
        assert!(shown.contains("length: 21") && !shown.contains(&secret()), "{shown}");
    }

    fn encoded(text: &str, how: u8) -> String {
        match how {
            0 => STANDARD.encode(text),
            1 => URL_SAFE_NO_PAD.encode(text),
            2 => hex(text),
            3 => percent(text),
            _ => text.to_owned(),
        }
    }

    proptest! {
        /// The fast way and the plain way agree below encodings too, and every hit has its place in the text.
        #[test]
        fn fast_is_plain(
            pieces in prop::collection::vec((prop::sample::select(PIECES), 0..5_u8, 0..5_u8), 0..12),
            depth in 0..5_usize,
        ) {
            let text: String = pieces.iter().map(|(piece, inner, outer)| encoded(&encoded(piece, *inner), *outer)).collect();
            let hits = ENGINE.search(text.as_bytes(), CONTEXT, depth);
            for hit in &hits {
                prop_assert!(hit.secret.start <= hit.secret.end && hit.secret.end <= text.len() && hit.line > 0);
            }
            prop_assert_eq!(hits, ENGINE.search_plain(text.as_bytes(), CONTEXT, depth), "{}", text);
        }

        #[test]
        fn any_bytes_are_searched(text in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = ENGINE.search(&text, CONTEXT, 3);
        }

        /// A secret is found however often it is encoded, up to the depth.
        #[test]
        fn encodings_hide_nothing(how in prop::collection::vec(0..4_u8, 1..4), before in "[a-z :\n]{0,40}[ :\n]|") {
            let text = how.iter().fold(secret(), |text, how| encoded(&text, *how));
            let whole = format!("{before}{text}\n");
            let hits = ENGINE.search(whole.as_bytes(), CONTEXT, how.len());
            prop_assert!(hits.iter().any(|hit| hit.letters(whole.as_bytes()) == secret().as_bytes()), "{}", whole);
        }
    }

    const PIECES: &[&str] = &[
        "password",
        "token",
        " = ",
        ": ",
        "\n",
        "acme_q7wc9xkp2lmz4hvb",
        "correct-horse-battery",
        "some words of a text",
        "-----BEGIN PRIVATE KEY-----\nabcdefghijkl\n-----END PRIVATE KEY-----",
        "é",
        "%",
        "==",
        "x",
    ];
}
