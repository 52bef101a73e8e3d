//! What looks like a secret and is none: placeholders, documented examples, references to where the secret really is, values that are
//! encrypted already.

use std::ops::Range;

use probity_core::Confidence;

/// Shannon entropy, in bits per byte of the text (characters are what is counted).
#[must_use]
pub fn entropy(text: &[u8]) -> f64 {
    if text.is_empty() {
        return 0.0;
    }
    let total = text.len() as f64;
    let of = |count: usize| {
        let share = count as f64 / total;
        -share * share.log2()
    };
    if text.is_ascii() {
        let mut counts = [0_usize; 128];
        for byte in text {
            if let Some(count) = counts.get_mut(usize::from(*byte)) {
                *count += 1;
            }
        }
        return counts.into_iter().filter(|count| *count > 0).map(of).sum();
    }
    let mut counts = std::collections::BTreeMap::new();
    for letter in String::from_utf8_lossy(text).chars() {
        *counts.entry(letter).or_insert(0_usize) += 1;
    }
    counts.into_values().map(of).sum()
}

/// Words that say a value is none.
const WORDS: &[&str] = &[
    "changeme",
    "change_me",
    "change-me",
    "changethis",
    "change_this",
    "replaceme",
    "replace_me",
    "replace-me",
    "placeholder",
    "dummy",
    "redacted",
    "notasecret",
    "not-a-secret",
    "not_a_secret",
    "insert_",
    "insert-your",
    "your_",
    "your-",
    "yourpassword",
    "yourtoken",
    "yoursecret",
    "yourkey",
    "xxxxx",
    "*****",
    "todo",
    "fixme",
    "lorem",
    "foobar",
    "foo_bar",
    "secret_here",
    "key_here",
    "token_here",
    "example",
    "sample",
    "<redacted",
    "fake_",
    "fake-",
    "mock_",
    "mock-",
    "<your",
    "tobereplaced",
    "to_be_replaced",
];

/// Values vendors print in their documentation, and numbers they give out for tests.
const DOCUMENTED: &[&str] = &[
    "AKIAIOSFODNN7EXAMPLE",
    "AKIAI44QH8DHBEXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "sk_test_BQokikJOvBiI2HlWgH4olfQ2",
    "pk_test_TYooMQauvdEDq54NiTphI7jx",
    "4111111111111111",
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "5200828282828210",
    "378282246310005",
    "371449635398431",
    "378734493671000",
    "6011111111111117",
    "6011000990139424",
    "6011000000000004",
    "30569309025904",
    "38520000023237",
    "3056930009020004",
    "36227206271667",
    "3530111333300000",
    "3566002020360505",
    "6200000000000005",
    "4012888888881881",
    "4222222222222",
    "4000000000000002",
    "4000000000000077",
    "4000002500003155",
    "4917610000000000",
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "GB29NWBK60161331926819",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "BE68539007547034",
    "CH9300762011623852957",
    "ES9121000418450200051332",
    "AT611904300234573201",
];

/// Where values are looked up, rather than written down.
const LOOKUPS: &[&str] = &[
    "${",
    "{{",
    "#{",
    "<%",
    "$(",
    "%(",
    "process.env",
    "os.environ",
    "os.getenv",
    "getenv(",
    "system.getenv",
    "env[",
    "env.",
    "secrets.",
    "vault:",
    "ref+",
    "arn:aws:secretsmanager",
    "arn:aws:ssm",
    "projects/",
    "keyvault",
    "secretkeyref",
    "var.",
    "local.",
    "module.",
    "config.",
    "settings.",
    "enc[",
    "!vault",
    "op://",
    "ssm:",
    "credstash:",
    "sops:",
    "kms:",
];

/// Whether the secret is none to begin with. The surer the rule, the less is believed to be a placeholder.
#[must_use]
pub(crate) fn is_placeholder(secret: &[u8], confidence: Confidence) -> bool {
    let text = String::from_utf8_lossy(secret);
    let bare: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    if DOCUMENTED.iter().any(|known| *known == text || *known == bare) || secret.ends_with(b"EXAMPLE") || secret.ends_with(b"EXAMPLEKEY") {
        return true;
    }
    // Nothing but one or two letters, in whatever order, or a walk over the keyboard's letters.
    let mut seen: Vec<u8> = secret.to_vec();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() <= 2 && secret.len() >= 3 || longest_repeat(secret) >= 10 && longest_repeat(secret) * 2 >= secret.len() {
        return true;
    }
    if confidence == Confidence::Certain {
        return false;
    }
    let lower = text.to_lowercase();
    if is_wrapped(&lower)
        || confidence == Confidence::Tentative && is_walk(lower.as_bytes())
        || lower.contains("xxxx")
        || lower.contains("****")
        || lower.contains("....")
    {
        return true;
    }
    if LOOKUPS.iter().any(|start| lower.starts_with(start))
        || lower.starts_with('$') && lower.bytes().skip(1).all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return true;
    }
    WORDS.iter().any(|word| lower.contains(word)) || matches!(&*lower, "null" | "none" | "nil" | "undefined" | "true" | "false" | "empty")
}

/// `<password>`, `%PASSWORD%`, `[password]`, `__PASSWORD__`, `@PASSWORD@`.
fn is_wrapped(text: &str) -> bool {
    [("<", ">"), ("%", "%"), ("[", "]"), ("__", "__"), ("@", "@"), ("{", "}"), ("(", ")")]
        .iter()
        .any(|(open, close)| text.len() > open.len() + close.len() && text.starts_with(open) && text.ends_with(close))
}

fn longest_repeat(text: &[u8]) -> usize {
    text.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0)
}

/// Whether most of a text counts up or down: `123456789`, `abcdefgh`.
fn is_walk(text: &[u8]) -> bool {
    let steps = text.windows(2).filter(|pair| matches!(pair, [a, b] if a.abs_diff(*b) == 1 || (*a, *b) == (b'9', b'0'))).count();
    text.len() >= 6 && steps * 5 >= (text.len() - 1) * 4
}

/// Whether what stands around a value says that it is encrypted, or that the value comes from elsewhere: `ENC[AES256_GCM,...]`.
#[must_use]
pub(crate) fn is_elsewhere(text: &[u8], secret: &Range<usize>) -> bool {
    let before = text.get(secret.start.saturating_sub(24)..secret.start).unwrap_or_default();
    let inside = text.get(secret.clone()).unwrap_or_default();
    [b"ENC[AES256_GCM".as_slice(), b"ENC[PKCS7", b"!vault", b"$ANSIBLE_VAULT", b"BEGIN AGE ENC", b"BEGIN PGP MESSAGE"]
        .iter()
        .any(|mark| memchr::memmem::find(before, mark).is_some() || memchr::memmem::find(inside, mark).is_some())
}

/// Whether a text is none: bytes no text has, among its first.
#[must_use]
pub fn is_binary(text: &[u8]) -> bool {
    memchr::memchr(0, text.get(..text.len().min(8000)).unwrap_or_default()).is_some()
}

/// Whether a path is of documentation, of tests, or of what others made: what is only likely to be a secret is likely none there.
#[must_use]
pub(crate) fn is_example(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let ends = |list: &[&str]| list.iter().any(|end| name.ends_with(end));
    ends(&[
        ".md", ".mdx", ".rst", ".adoc", ".svg", ".map", ".min.js", ".min.css", ".lock", ".sum", ".snap", ".csv", ".po", ".ipynb", ".html",
        ".htm",
    ]) || ends(&["_test.go", ".test.js", ".test.ts", ".test.tsx", ".spec.js", ".spec.ts", "test.java", "tests.cs", "_spec.rb", "_test.py"])
        || matches!(name, "package-lock.json" | "pnpm-lock.yaml" | "composer.lock" | "go.sum" | "npm-shrinkwrap.json" | "deno.lock")
        || name.starts_with("test_")
        || lower.split('/').any(|part| {
            matches!(
                part,
                "node_modules"
                    | "vendor"
                    | "test"
                    | "tests"
                    | "__tests__"
                    | "testdata"
                    | "fixtures"
                    | "spec"
                    | "specs"
                    | "__snapshots__"
                    | "docs"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_placeholders() {
        let check = |secret: &str, confidence: Confidence, expected: bool| {
            assert_eq!(is_placeholder(secret.as_bytes(), confidence), expected, "{secret}");
        };
        for none in ["changeme", "<password>", "${DB_PASSWORD}", "$PASSWORD", "xxxxxxxx", "your-api-key", "process.env.KEY", "{{ x }}"] {
            check(none, Confidence::Firm, true);
        }
        for some in ["hunter2!", "correct horse", "a8f5f167f44f4964e6c998dee827110c", "pa$$w0rd", "S3cr3t"] {
            check(some, Confidence::Firm, false);
        }
        check("12345678", Confidence::Tentative, true);
        check("12345678", Confidence::Firm, false);
        check("AKIAIOSFODNN7EXAMPLE", Confidence::Certain, true);
        check("4242 4242 4242 4242", Confidence::Certain, true);
        check("ghp_exampleexample", Confidence::Certain, false);
        check("aaaaaaaaaaaaaaa", Confidence::Certain, true);
    }

    #[test]
    fn measures_entropy() {
        let check = |text: &str, expected: f64| assert!((entropy(text.as_bytes()) - expected).abs() < 1e-9, "{text}");
        check("", 0.0);
        check("aaaa", 0.0);
        check("ab", 1.0);
        check("abcd", 2.0);
        // Counted by characters, divided by bytes, as Gitleaks does.
        check("éé", 0.5);
    }
}
