//! Container image references.

use probity_value::{Span, Value};

use super::{Fields, at_run_time};

/// An image reference taken apart: `reference`, `registry`, `repository`, `tag`, `digest`, `pinned`. Where a variable stands in it, what
/// it may change is unknown.
pub(crate) fn image(reference: &str, span: Span) -> Value {
    let mut fields = Fields::default();
    let variable = reference.find('$').or_else(|| reference.find("<<")).or_else(|| reference.find("{{"));
    let unknown = |from: usize| at_run_time(reference, reference.get(from..variable.unwrap_or(0)).unwrap_or_default(), span);
    match variable {
        Some(at) => fields.put("reference", at_run_time(reference, reference.get(..at).unwrap_or_default(), span)),
        None => fields.text("reference", Some(reference), span),
    }
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let last = name.get(slash..).unwrap_or_default();
    // In `${NAME:-x}` the colon belongs to the variable.
    let before_variable = last.find(['$', '<', '{']).unwrap_or(last.len());
    let colon = last.find(':').filter(|at| *at < before_variable).map(|at| slash + at);
    let (repository, tag) = match colon {
        Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..)),
        None => (name, None),
    };
    let variable_in_last = variable.is_some_and(|at| at >= slash) || last.len() > before_variable;
    match variable {
        Some(at) if at < repository.len() => fields.put("repository", unknown(0)),
        _ => fields.text("repository", Some(repository), span),
    }
    let first = repository.split('/').next().unwrap_or_default();
    let has_registry = repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    if variable.is_some_and(|at| at < first.len()) {
        fields.put("registry", unknown(0));
    } else {
        fields.text("registry", Some(if has_registry { first } else { "docker.io" }), span);
    }
    match digest {
        Some(digest) if digest.contains('$') => fields.put("digest", at_run_time(reference, "", span)),
        Some(digest) => fields.text("digest", Some(digest), span),
        None if variable_in_last => fields.put("digest", at_run_time(reference, "", span)),
        None => {}
    }
    match tag {
        Some(tag) if tag.contains(['$', '<', '{']) => fields.put("tag", at_run_time(reference, "", span)),
        Some(tag) => fields.text("tag", Some(tag), span),
        None if variable_in_last => fields.put("tag", at_run_time(reference, "", span)),
        // Without a tag and a digest it is `latest`.
        None if digest.is_none() => fields.text("tag", Some("latest"), span),
        None => {}
    }
    let pinned = digest.is_some_and(is_digest);
    if pinned || !variable_in_last && digest.is_none_or(|digest| !digest.contains('$')) {
        fields.flag("pinned", pinned, span);
    } else {
        fields.put("pinned", at_run_time(reference, "", span));
    }
    fields.at(span)
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hash)| {
        matches!((algorithm, hash.len()), ("sha256", 64) | ("sha512", 128)) && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::tests::show;

    fn check(reference: &str, expected: [&str; 5]) {
        let value = image(reference, Span::NONE);
        let shown: Vec<String> = ["registry", "repository", "tag", "digest", "pinned"]
            .iter()
            .map(|key| show(value.get(key)).trim_matches('"').to_owned())
            .collect();
        assert_eq!(shown, expected, "{reference}");
    }

    #[test]
    fn references_are_taken_apart() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        check("node", ["docker.io", "node", "latest", "-", "false"]);
        check("node:20", ["docker.io", "node", "20", "-", "false"]);
        check("a.io:5000/x/y", ["a.io:5000", "a.io:5000/x/y", "latest", "-", "false"]);
        check("localhost/y:1", ["localhost", "localhost/y", "1", "-", "false"]);
        check(&format!("node@{digest}"), ["docker.io", "node", "-", &digest, "true"]);
        check(&format!("node:20@{digest}"), ["docker.io", "node", "20", &digest, "true"]);
        check("node@sha256:short", ["docker.io", "node", "-", "sha256:short", "false"]);
        let unknown = "unknown: `node:$V` is known only when it runs";
        check("node:$V", ["docker.io", "node", unknown, unknown, unknown]);
        check(
            "node:${{ matrix.v }}",
            [
                "docker.io",
                "node",
                &unknown.replace("$V", "${{ matrix.v }}"),
                &unknown.replace("$V", "${{ matrix.v }}"),
                &unknown.replace("$V", "${{ matrix.v }}"),
            ],
        );
        let reference = "unknown: `$R/x:1` is known only when it runs";
        check("$R/x:1", [reference, reference, "1", "-", "false"]);
        let whole = "unknown: `$IMAGE` is known only when it runs";
        check("$IMAGE", [whole, whole, whole, whole, whole]);
    }
}
