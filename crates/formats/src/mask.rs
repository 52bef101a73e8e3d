//! Keeps secrets out of excerpts: which characters of a source line must not be shown.
//!
//! A name that sounds like a credential hides every literal beside it; texts with the look of a well-known token are hidden wherever
//! they stand. Too much hidden is a nuisance, too little is a leak: in doubt it hides.

use std::borrow::Cow;
use std::ops::Range;

/// What is shown in place of a secret.
pub const HIDDEN: &str = "••••";

/// Words in names of attributes, keys and variables whose values are secrets.
const CREDENTIAL_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pass_phrase",
    "pwd",
    "secret",
    "token",
    "private_key",
    "privatekey",
    "access_key",
    "accesskey",
    "api_key",
    "apikey",
    "connection_string",
    "connectionstring",
    "credential",
    "auth_key",
    "authkey",
    "encryption_key",
    "signing_key",
    "master_key",
    "shared_key",
    "sas_url",
    "storage_key",
    "account_key",
    "client_key",
    "license_key",
    "ssh_key",
    "pgpass",
    "htpasswd",
    "bearer",
    "authorization",
    "dsn",
    "database_url",
    "webhook_url",
    "mnemonic",
    // Scripts of machines: whatever stands in them.
    "user_data",
    "custom_data",
];

/// Names that hold a credential word but no secret: settings about credentials.
const HARMLESS_ENDINGS: &[&str] = &[
    // The service, as actions name it: `secretsmanager:GetSecretValue`.
    "secretsmanager",
    "_length",
    "_enabled",
    "_arn",
    "_policy",
    "_age",
    "_days",
    "_required",
    "_ttl",
    "_count",
    "_name",
    "_version",
    "_path",
    "_file",
    "_rotation",
    "_expiry",
    "_type",
    "_hop_limit",
    "_ref",
    "_id",
    "_reuse_prevention",
    "_expiration",
];

/// Keys that say nothing themselves: the name that matters stands before them (`name: DB_PASSWORD` over `value: x`).
const CARRIERS: &[&str] = &["value", "default", "content", "data", "string", "text", "values", "secret_string", "user_data", "env"];

/// How well-known tokens begin, and how many characters at least follow.
const PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xapp-", 10),
    ("sk_live_", 10),
    ("rk_live_", 10),
    ("sk-", 20),
    ("AIza", 30),
    ("ya29.", 20),
    ("eyJ", 30),
    ("SG.", 30),
    ("npm_", 30),
    ("pypi-", 30),
    ("dop_v1_", 30),
    ("hvs.", 20),
    ("AGE-SECRET-KEY-", 20),
];

/// How far back a carrier looks for its name, in lines.
const LOOK_BACK: usize = 6;

/// Whether a name sounds like that of a secret: `db_password`, `API-TOKEN`, `connectionString`.
#[must_use]
pub fn is_credential_name(name: &str) -> bool {
    let name = snake(name);
    CREDENTIAL_WORDS.iter().any(|word| name.contains(word)) && !HARMLESS_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Lower case with `_` between words, whatever way it was written.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before_lower = false;
    for letter in name.chars().take(200) {
        if letter.is_uppercase() && before_lower {
            out.push('_');
        }
        before_lower = letter.is_lowercase() || letter.is_ascii_digit();
        match letter {
            '-' | '.' | ' ' | '/' => out.push('_'),
            _ => out.extend(letter.to_lowercase()),
        }
    }
    out
}

/// The parts of `line` (ranges of its characters) that must not be shown. `before` are the lines above it, nearest last; six are enough.
#[must_use]
pub fn hidden(line: &str, before: &[&str]) -> Vec<Range<usize>> {
    let letters: Vec<char> = line.chars().collect();
    let mut ranges = Vec::new();
    match credential_end(&letters) {
        Some(end) => ranges.extend(values_after(&letters, end)),
        None if is_continued(&letters, before) => {
            let start = letters.iter().position(|letter| !letter.is_whitespace()).unwrap_or(0);
            let from = carrier_end(&letters).unwrap_or(start);
            let mut found = values_after(&letters, from);
            if found.is_empty() && carrier_end(&letters).is_none() && start < letters.len() {
                found.push(start..letters.len());
            }
            ranges.extend(found);
        }
        None => {}
    }
    if may_hold_token(line) {
        ranges.extend(tokens(&letters));
    }
    merge(ranges)
}

/// A quick look, so that plain texts cost nothing: whether a token or a URL could be in it.
fn may_hold_token(text: &str) -> bool {
    text.contains("://") || text.contains("-----BEGIN") || PREFIXES.iter().any(|(prefix, _)| text.contains(prefix))
}

/// A message with every text hidden that looks like a well-known token, and the value of a credential it tells:
/// ``` `password` is `hunter2` ```, ``` `script` is `export PASSWORD=hunter2` ```.
#[must_use]
pub fn text(message: &str) -> Cow<'_, str> {
    match told_values(message) {
        Some(told) => Cow::Owned(without_tokens(&told).into_owned()),
        None => without_tokens(message),
    }
}

/// The message with values hidden that it tells of names that sound like credentials; `None` where it tells none.
fn told_values(message: &str) -> Option<String> {
    let mut parts: Vec<Cow<'_, str>> = message.split('`').map(Cow::Borrowed).collect();
    let mut told = false;
    // Every second part stands in backticks; one without a partner is no such part.
    for index in (1..parts.len().saturating_sub(3)).step_by(2) {
        let [name, between, value, _] = parts.get(index..index + 4)? else { break };
        // What follows "is not set and" is another name, not a value.
        let tells = between.starts_with(" is ") || between.starts_with(" has ");
        if !tells || between.starts_with(" is not set") || between.starts_with(" is set") {
            continue;
        }
        let plain = matches!(&**value, "true" | "false" | "null" | "" | HIDDEN) || value.parse::<f64>().is_ok();
        let shown = if plain {
            None
        } else if is_credential_name(name) {
            Some(HIDDEN.to_owned())
        } else {
            without_assignments(value)
        };
        if let Some(shown) = shown {
            told = true;
            *parts.get_mut(index + 2)? = Cow::Owned(shown);
        }
    }
    told.then(|| parts.join("`"))
}

/// A value with what it assigns to credentials hidden, line by line, as in an excerpt; `None` where there is nothing.
fn without_assignments(value: &str) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut found = false;
    for line in value.split('\n') {
        let letters: Vec<char> = line.chars().collect();
        let ranges = hidden(line, &[]);
        found |= !ranges.is_empty();
        lines.push(cut(&letters, ranges));
    }
    found.then(|| lines.join("\n"))
}

/// The letters with [`HIDDEN`] in place of each range.
fn cut(letters: &[char], ranges: Vec<Range<usize>>) -> String {
    let mut out = String::with_capacity(letters.len());
    let mut at = 0;
    for range in ranges {
        out.extend(letters.get(at..range.start).unwrap_or_default());
        out.push_str(HIDDEN);
        at = range.end;
    }
    out.extend(letters.get(at..).unwrap_or_default());
    out
}

fn without_tokens(message: &str) -> Cow<'_, str> {
    if !may_hold_token(message) {
        return Cow::Borrowed(message);
    }
    let letters: Vec<char> = message.chars().collect();
    let ranges = merge(tokens(&letters));
    if ranges.is_empty() {
        return Cow::Borrowed(message);
    }
    Cow::Owned(cut(&letters, ranges))
}

fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

const fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

/// Names on the line with the position after each, in order.
fn names(letters: &[char]) -> Vec<(String, Range<usize>)> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let length = letters.get(at..).unwrap_or_default().iter().take_while(|letter| is_name(**letter)).count();
        if length > 0 {
            out.push((letters.get(at..at + length).unwrap_or_default().iter().collect(), at..at + length));
        }
        at += length.max(1);
    }
    out
}

/// What stands between a name and its value: `=`, `:`, `=>`, or for a Dockerfile `ENV` a space. Gives the position after it.
fn separator_end(letters: &[char], name_end: usize) -> Option<usize> {
    let mut at = name_end;
    if matches!(letters.get(at), Some('"' | '\'' | ']' | ')')) {
        at += 1;
    }
    while letters.get(at).is_some_and(|letter| *letter == ' ' || *letter == '\t') {
        at += 1;
    }
    match letters.get(at) {
        Some('=') if letters.get(at + 1) != Some(&'=') => Some(at + 1 + usize::from(letters.get(at + 1) == Some(&'>'))),
        Some(':') if letters.get(at + 1) != Some(&'/') => Some(at + 1),
        _ => None,
    }
}

/// The position after the separator of the first credential name that is given a value here.
fn credential_end(letters: &[char]) -> Option<usize> {
    let names = names(letters);
    let instruction = names.first().is_some_and(|(name, _)| name.eq_ignore_ascii_case("env") || name.eq_ignore_ascii_case("arg"));
    names.iter().enumerate().find_map(|(index, (name, range))| {
        if !is_credential_name(name) {
            return None;
        }
        let plain = (instruction && index == 1 && letters.get(range.end) == Some(&' ')).then_some(range.end + 1);
        separator_end(letters, range.end).or(plain).or_else(|| flag_value(letters, range.clone()))
    })
}

/// `--password x` on a command line, `"--password", "x"` in a list: the position after the space or comma.
fn flag_value(letters: &[char], name: Range<usize>) -> Option<usize> {
    if letters.get(name.start..name.start + 1) != Some(&['-']) {
        return None;
    }
    match letters.get(name.end)? {
        ' ' => Some(name.end + 1),
        '"' | '\'' => {
            let rest = letters.get(name.end + 1..)?;
            let comma = rest.iter().position(|letter| !letter.is_whitespace())?;
            (rest.get(comma) == Some(&',')).then_some(name.end + 1 + comma + 1)
        }
        _ => None,
    }
}

/// The quote a position stands in, if any.
fn open_quote(letters: &[char], at: usize) -> Option<char> {
    let mut open = None;
    let mut escaped = false;
    for letter in letters.get(..at).unwrap_or_default() {
        match open {
            _ if escaped => escaped = false,
            Some(_) if *letter == '\\' => escaped = true,
            Some(quote) if quote == *letter => open = None,
            None if matches!(letter, '"' | '\'') => open = Some(*letter),
            _ => {}
        }
    }
    open
}

/// The position after the separator of a carrier key (`value:`), where the line begins with one.
fn carrier_end(letters: &[char]) -> Option<usize> {
    let (name, range) = names(letters).into_iter().find(|(name, _)| name != "-")?;
    let lead: String = letters.get(..range.start)?.iter().collect();
    let starts = lead.chars().all(|letter| letter.is_whitespace() || matches!(letter, '-' | '"' | '\'' | '{' | ','));
    (starts && CARRIERS.iter().any(|carrier| name.eq_ignore_ascii_case(carrier))).then(|| separator_end(letters, range.end)).flatten()
}

/// Whether the line carries or continues the value of a credential named above it.
fn is_continued(letters: &[char], before: &[&str]) -> bool {
    let carrier = carrier_end(letters).is_some();
    for above in before.iter().rev().take(LOOK_BACK) {
        // A heredoc, a block scalar, a list or an open quote goes on below the line that names it.
        let opens = {
            let end = above.trim_end();
            end.contains("<<") || end.ends_with(['|', '>', '[', '(', '\\', '=', ':']) || end.ends_with("|-") || end.ends_with(">-")
        };
        if carrier || opens {
            let above_letters: Vec<char> = above.chars().take(4000).collect();
            let named = names(&above_letters).iter().any(|(name, _)| is_credential_name(name));
            if named && (carrier || credential_end(&above_letters).is_some()) {
                return true;
            }
        }
        if above.contains("-----BEGIN") && above.contains("KEY") {
            return true;
        }
        if carrier && above.trim().is_empty() {
            break;
        }
    }
    false
}

/// Literals after a position: quoted texts, or the bare value where nothing is quoted and it is not a reference or a block.
fn values_after(letters: &[char], from: usize) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut at = from;
    let mut bare: Option<usize> = None;
    if let Some(quote) = open_quote(letters, from) {
        // `"--password=x"`: the value ends with the text it stands in.
        let length = letters.get(from..).unwrap_or_default().iter().take_while(|letter| **letter != quote).count();
        out.push(from..from + length);
        at = from + length + 1;
    }
    while let Some(letter) = letters.get(at) {
        if matches!(letter, '"' | '\'' | '`') {
            let mut end = at + 1;
            while let Some(inside) = letters.get(end) {
                if inside == letter {
                    break;
                }
                end += if *inside == '\\' { 2 } else { 1 };
            }
            // A quoted key of the next pair is no value.
            let is_key = end < letters.len() && separator_end(letters, end).is_some() && *letter != '`';
            if !is_key {
                out.push(at + 1..end.min(letters.len()));
            }
            at = end + 1;
            continue;
        }
        if bare.is_none() && !letter.is_whitespace() {
            bare = Some(at);
        }
        at += 1;
    }
    if out.is_empty()
        && let Some(start) = bare
    {
        let text: String = letters.get(start..).unwrap_or_default().iter().collect();
        let text = text.trim_end();
        let reference =
            ["var.", "local.", "module.", "data.", "aws_", "azurerm_", "google_", "random_", "each.", "{", "[", "<<", "|", ">", "*", "&"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
                || matches!(text, "true" | "false" | "null" | "~")
                || text.starts_with("${");
        if !reference {
            out.push(start..start + text.chars().count());
        }
    }
    out
}

/// Texts that look like a well-known token, whatever name they have: cloud keys, tokens with a prefix, keys in PEM, passwords in URLs.
fn tokens(letters: &[char]) -> Vec<Range<usize>> {
    let is_token = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '+' | '/' | '=');
    let mut out = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let run = letters.get(at..).unwrap_or_default().iter().take_while(|letter| is_token(letter)).count();
        if run >= 14 {
            let text: String = letters.get(at..at + run).unwrap_or_default().iter().collect();
            for (prefix, least) in PREFIXES {
                if let Some(found) = text.find(prefix)
                    && run.saturating_sub(found + prefix.len()) >= *least
                {
                    out.push(at + found..at + run);
                }
            }
        }
        at += run.max(1);
    }
    let text: String = letters.iter().collect();
    if text.contains("PRIVATE KEY") && text.contains("-----BEGIN") {
        out.push(0..letters.len());
    }
    out.extend(url_passwords(letters));
    out
}

/// The passwords of URLs: `scheme://user:password@host`.
fn url_passwords(letters: &[char]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    for (at, window) in letters.windows(3).enumerate() {
        if window != [':', '/', '/'] {
            continue;
        }
        let start = at + 3;
        let rest = letters.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|letter| !letter.is_whitespace() && !matches!(letter, '/' | '"' | '\'' | '<' | '>')).count();
        let authority = rest.get(..length).unwrap_or_default();
        if let (Some(colon), Some(sign)) =
            (authority.iter().position(|letter| *letter == ':'), authority.iter().rposition(|letter| *letter == '@'))
            && colon + 1 < sign
        {
            out.push(start + colon + 1..start + sign);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, before: &[&str]) -> String {
        let mut letters: Vec<char> = line.chars().collect();
        for range in hidden(line, before).into_iter().rev() {
            letters.splice(range, HIDDEN.chars());
        }
        letters.into_iter().collect()
    }

    #[test]
    fn literals_beside_credential_names() {
        let check = |line: &str, expected: &str| assert_eq!(shown(line, &[]), expected, "{line}");
        check(r#"  password = "hunter2""#, r#"  password = "••••""#);
        check(r#"password="a\"b" # x"#, r#"password="••••" # x"#);
        check("  password = var.db_password", "  password = var.db_password");
        check(r#"  master_password = "${var.a}x""#, r#"  master_password = "••••""#);
        check("dbPassword: hunter2", "dbPassword: ••••");
        check("  db-password: 'hunter2'", "  db-password: '••••'");
        check(r#"{"apiKey": "abc", "name": "x"}"#, r#"{"apiKey": "••••", "name": "••••"}"#);
        check(r#"variables = { DB_PASSWORD = "x" }"#, r#"variables = { DB_PASSWORD = "••••" }"#);
        check("ENV DB_PASSWORD=hunter2", "ENV DB_PASSWORD=••••");
        check("ENV DB_PASSWORD hunter2", "ENV DB_PASSWORD ••••");
        check("ARG NPM_TOKEN=abc", "ARG NPM_TOKEN=••••");
        check("RUN tool --password hunter2", "RUN tool --password ••••");
        check("RUN tool --password=hunter2", "RUN tool --password=••••");
        check(r#"connection_string = "Server=x""#, r#"connection_string = "••••""#);
        check(r#"password = "unterminated"#, r#"password = "••••"#);
        check("password = true", "password = true");
        check(r#"minimum_password_length = 8"#, r#"minimum_password_length = 8"#);
        check(r#"secret_arn = "arn:aws:x""#, r#"secret_arn = "arn:aws:x""#);
        check("identifier = \"payments\"", "identifier = \"payments\"");
        check("kind: Secret", "kind: Secret");
        check("", "");
    }

    #[test]
    fn values_named_above() {
        let check = |before: &[&str], line: &str, expected: &str| assert_eq!(shown(line, before), expected, "{line}");
        check(&["- name: DB_PASSWORD"], "  value: hunter2", "  value: ••••");
        check(&["- name: DB_HOST"], "  value: db.local", "  value: db.local");
        check(&["variable \"db_password\" {", "  type = string"], "  default = \"x\"", "  default = \"••••\"");
        check(&["private_key = <<EOF"], "MIIEabc", "••••");
        check(&["private_key: |"], "  MIIEabc def", "  ••••");
        check(&["password = \"x\""], "identifier = \"y\"", "identifier = \"y\"");
        check(&["-----BEGIN RSA PRIVATE KEY-----"], "MIIEabc", "••••");
    }

    #[test]
    fn values_inside_a_quoted_text() {
        let check = |line: &str, expected: &str| assert_eq!(shown(line, &[]), expected, "{line}");
        check("args: [\"--password=hunter2\", \"-v\"]", "args: [\"--password=••••\", \"••••\"]");
        check("args: ['--token','hunter2']", "args: ['--token','••••']");
        check("command: [\"sh\", \"-c\", \"PGPASSWORD=hunter2 psql\"]", "command: [\"sh\", \"-c\", \"PGPASSWORD=••••\"]");
        check("RUN x --password \"hunter2\"", "RUN x --password \"••••\"");
        check("it's password = \"hunter2\"", "it's password =••••");
    }

    #[test]
    fn well_known_tokens() {
        let check = |line: &str, expected: &str| assert_eq!(shown(line, &[]), expected, "{line}");
        check(&format!("id = \"AKIA{}\"", "A1".repeat(8)), "id = \"••••\"");
        check(&format!("x = ghp_{}", "a".repeat(36)), "x = ••••");
        check("url = \"postgres://app:pa@ss@db/x\"", "url = \"postgres://app:••••@db/x\"");
        check("url = \"https://example.org:80/x@y\"", "url = \"https://example.org:80/x@y\"");
        check("-----BEGIN RSA PRIVATE KEY-----", "••••");
        check("AKIA", "AKIA");
    }

    #[test]
    fn messages_hide_values_of_credentials() {
        let check = |message: &str, expected: &str| assert_eq!(text(message), expected);
        check("`password` is `hunter2`", "`password` is `••••`");
        check("`secret_key` is not set and `password` is `hunter2`", "`secret_key` is not set and `password` is `••••`");
        check("`user` is `root` and `password` is `hunter2`", "`user` is `root` and `password` is `••••`");
        check("`private_key` is not set and `key_usage` is `SIGN`", "`private_key` is not set and `key_usage` is `SIGN`");
        check("`env[0].DB_PASSWORD` is `a b` and `name` is `x`", "`env[0].DB_PASSWORD` is `••••` and `name` is `x`");
        check("`manage_master_user_password` is `false`", "`manage_master_user_password` is `false`");
        check("`minimum_password_length` is `8`", "`minimum_password_length` is `8`");
        check("`password` is `", "`password` is `");
        check("`storage` is `gp2`", "`storage` is `gp2`");
        check("`script` is `export DB_PASSWORD=hunter2\nls -l\nexpo…`", "`script` is `export DB_PASSWORD=••••\nls -l\nexpo…`");
        check("`command` is `[\"--password=hunter2\", \"-v\"]`", "`command` is `[\"--password=••••\", \"••••\"]`");
        check("`args` is `[\"--token\", \"hunter2\"]`", "`args` is `[\"--token\", \"••••\"]`");
        check("`user_data` is `mysql -phunter2`", "`user_data` is `••••`");
        check("`policy` is `{\"Action\": \"secretsmanager:*\"}`", "`policy` is `{\"Action\": \"secretsmanager:*\"}`");
    }

    #[test]
    fn messages_hide_tokens() {
        assert_eq!(text("plain"), "plain");
        assert_eq!(text(&format!("`k` is `AKIA{}`!", "Z9".repeat(8))), "`k` is `••••`!");
    }

    proptest::proptest! {
        #[test]
        fn ranges_are_sorted_and_inside(line in ".{0,80}", above in ".{0,40}") {
            let mut last = 0;
            for range in hidden(&line, &[&above]) {
                proptest::prop_assert!(range.start >= last && range.start < range.end && range.end <= line.chars().count());
                last = range.end;
            }
        }
    }
}
