//! Taking secrets out of what is recorded about a command: what the built-in rules find, the values of variables and arguments whose
//! names speak of credentials, and passwords within addresses.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Result, anyhow};
use probity_catalog::builtin;
use probity_secrets::{Context, DECODE_DEPTH, Engine, Pack};

/// Parts of names that speak of credentials, in lower case. `key` and `auth` count only as the last word of a name.
const WORDS: &[&str] = &["password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "privatekey", "accesskey"];
const LAST_WORDS: &[&str] = &["key", "auth", "pass", "pwd", "pat", "cookie", "jwt", "bearer"];
/// Variables whose names only seem to speak of credentials.
const NO_SECRETS: &[&str] = &["PWD", "OLDPWD"];
/// Shortest value of a variable that is looked for elsewhere: a shorter one, as `1` or `true`, stands everywhere.
const SHORTEST: usize = 6;

/// Whether a name speaks of a credential: `AWS_SECRET_ACCESS_KEY`, `--api-token`.
pub(crate) fn names_credential(name: &str) -> bool {
    if NO_SECRETS.contains(&name) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let together: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let last = lower.rsplit(|letter: char| !letter.is_ascii_alphanumeric()).find(|word| !word.is_empty());
    WORDS.iter().any(|word| together.contains(word)) || last.is_some_and(|last| LAST_WORDS.contains(&last))
}

/// Knows what must not be written down.
pub(crate) struct Redactor {
    engine: Engine,
    /// Values, and what they are values of.
    known: Vec<(Vec<u8>, String)>,
}

impl Redactor {
    /// One that knows the built-in rules and the values of these variables, as far as their names speak of credentials.
    pub(crate) fn new(variables: impl Iterator<Item = (String, Vec<u8>)>) -> Result<Redactor> {
        let rules = builtin().secret_rules().map_err(|error| anyhow!("the built-in rules for secrets cannot be read: {error}"))?;
        let engine = Engine::new(vec![Pack { rules, ..Pack::default() }])?;
        let mut known: Vec<(Vec<u8>, String)> = variables
            .filter(|(name, value)| value.len() >= SHORTEST && names_credential(name))
            .map(|(name, value)| (value, name))
            .collect();
        // A value within another one is covered by it.
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Ok(Redactor { engine, known })
    }

    /// The ranges to take out, with what is to stand there; sorted, none within another.
    fn ranges(&self, text: &[u8]) -> Vec<(Range<usize>, String)> {
        let mut found: BTreeMap<usize, (usize, String)> = BTreeMap::new();
        let mut add = |range: Range<usize>, what: &str| {
            if range.is_empty() {
                return;
            }
            let entry = found.entry(range.start).or_insert((range.end, what.to_owned()));
            entry.0 = entry.0.max(range.end);
        };
        for (value, name) in &self.known {
            for at in memchr::memmem::find_iter(text, value) {
                add(at..at + value.len(), name);
            }
        }
        for hit in self.engine.search(text, Context::default(), DECODE_DEPTH) {
            let rule = self.engine.rules().get(hit.rule).map_or("secret", |rule| &*rule.meta.id);
            add(hit.secret, rule);
        }
        for at in memchr::memmem::find_iter(text, b"://") {
            let rest = text.get(at + 3..).unwrap_or_default();
            let end = rest.iter().position(|byte| b"/ \t\r\n\"'<>?#".contains(byte)).unwrap_or(rest.len());
            let user = rest.get(..end).unwrap_or_default();
            let Some(sign) = memchr::memrchr(b'@', user) else { continue };
            if let Some(colon) = memchr::memchr(b':', user.get(..sign).unwrap_or_default()) {
                add(at + 3 + colon + 1..at + 3 + sign, "password");
            }
        }
        let mut out: Vec<(Range<usize>, String)> = Vec::new();
        for (start, (end, what)) in found {
            match out.last_mut() {
                Some((last, _)) if start < last.end => last.end = last.end.max(end),
                _ => out.push((start..end, what)),
            }
        }
        out
    }

    /// The text with every secret masked, and how many were.
    pub(crate) fn mask(&self, text: &[u8]) -> (Vec<u8>, u64) {
        let ranges = self.ranges(text);
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for (range, what) in &ranges {
            out.extend_from_slice(text.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(format!("[redacted: {what}]").as_bytes());
            at = range.end;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        (out, ranges.len() as u64)
    }

    /// The arguments of a command with every secret masked, and how many were. An argument after a flag that speaks of a credential, and
    /// the value of such a flag or variable, are masked whole. Bytes that are not UTF-8 are shown as replacement characters.
    pub(crate) fn arguments(&self, arguments: &[Vec<u8>]) -> (Vec<String>, u64) {
        let mut count = 0;
        let mut out: Vec<String> = Vec::with_capacity(arguments.len());
        // What a rule only finds beside its flag.
        let joined = arguments.join(&b' ');
        let across = self.ranges(&joined);
        let (mut start, mut flag) = (0, None::<String>);
        for (place, argument) in arguments.iter().enumerate() {
            let end = start + argument.len();
            let text = String::from_utf8_lossy(argument);
            let is_flag = text.starts_with('-');
            let whole = |name: &str| format!("[redacted: {}]", name.trim_start_matches('-'));
            let split = text.split_once('=').filter(|(name, value)| !value.is_empty() && names_credential(name));
            let masked = match (flag.take(), split) {
                (Some(name), _) if !is_flag => Some(whole(&name)),
                (_, Some((name, _))) => Some(format!("{name}={}", whole(name))),
                _ => across.iter().find(|(range, _)| range.start <= start && range.end >= end && start < end).map(|(_, what)| whole(what)),
            };
            if place > 0 && is_flag && !text.contains('=') && names_credential(&text) {
                flag = Some(text.clone().into_owned());
            }
            out.push(match masked {
                Some(masked) => {
                    count += 1;
                    masked
                }
                None => {
                    // Found in the whole line or in the argument alone: either may see what the other does not.
                    let mut text = argument.clone();
                    let within = across.iter().filter(|(range, _)| range.start < end && range.end > start).rev();
                    for (range, what) in within {
                        let inner = range.start.max(start) - start..range.end.min(end) - start;
                        text.splice(inner, format!("[redacted: {what}]").into_bytes());
                        count += 1;
                    }
                    let (text, more) = self.mask(&text);
                    count += more;
                    String::from_utf8_lossy(&text).into_owned()
                }
            });
            start = end + 1;
        }
        (out, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let variables = [("DEPLOY_TOKEN", "hunter2hunter2"), ("HOME", "/home/ada"), ("API_KEY", "1")];
        Redactor::new(variables.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))).unwrap()
    }

    #[test]
    fn names() {
        for name in ["AWS_SECRET_ACCESS_KEY", "--api-token", "NPM_TOKEN", "pgPassword", "SSH_KEY", "BASIC_AUTH", "DB_PASS"] {
            assert!(names_credential(name), "{name}");
        }
        for name in ["PATH", "HOME", "PWD", "OLDPWD", "KEYBOARD", "AUTHOR", "--keep", "MONKEY"] {
            assert!(!names_credential(name), "{name}");
        }
    }

    #[test]
    fn arguments() {
        let redactor = redactor();
        let check = |arguments: &[&str], expected: &[&str]| {
            let bytes: Vec<Vec<u8>> = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
            assert_eq!(redactor.arguments(&bytes).0, expected);
        };
        check(&["make", "test", "-j2"], &["make", "test", "-j2"]);
        check(&["curl", "--token", "abc", "x"], &["curl", "--token", "[redacted: token]", "x"]);
        check(&["curl", "--password=abc"], &["curl", "--password=[redacted: password]"]);
        check(&["env", "DB_PASSWORD=abc", "HOME=/x"], &["env", "DB_PASSWORD=[redacted: DB_PASSWORD]", "HOME=/x"]);
        check(&["git", "clone", "https://ada:abc@example.com/x"], &["git", "clone", "https://ada:[redacted: password]@example.com/x"]);
        check(&["echo", "a hunter2hunter2 b"], &["echo", "a [redacted: DEPLOY_TOKEN] b"]);
        check(&["echo", "hunter2hunter2"], &["echo", "[redacted: DEPLOY_TOKEN]"]);
        let key = format!("AKIA{}", "Z7VRSQ5TJN2XMPLD");
        let (shown, count) = redactor.arguments(&[b"aws".to_vec(), key.clone().into_bytes()]);
        assert!(count >= 1 && !shown.join(" ").contains(&key), "{shown:?}");
    }

    #[test]
    fn output_keeps_all_its_other_bytes() {
        let (masked, count) = redactor().mask(b"\x00\xffhunter2hunter2\x00hunter2hunter2\n/home/ada 1");
        assert_eq!(masked, b"\x00\xff[redacted: DEPLOY_TOKEN]\x00[redacted: DEPLOY_TOKEN]\n/home/ada 1");
        assert_eq!(count, 2);
    }
}
