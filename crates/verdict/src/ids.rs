//! Rule ids as people write them: ours, and other tools' in all their spellings.

use std::sync::Arc;

use probity_core::RuleMeta;

use crate::pattern::wildcard;

/// The one spelling all spellings of an id are compared in: lower case, without Aqua's `AVD-`.
#[must_use]
pub fn normal(id: &str) -> String {
    bare(id.trim()).to_ascii_lowercase()
}

/// Whether `id` names this rule: its own id or an alias, in any letter case, with or without `AVD-`. No wildcards.
#[must_use]
pub fn answers(rule: &RuleMeta, id: &str) -> bool {
    let wanted = bare(id.trim());
    !wanted.is_empty() && std::iter::once(&rule.id).chain(&rule.aliases).any(|known| bare(known).eq_ignore_ascii_case(wanted))
}

/// An id without Aqua's `AVD-`.
fn bare(id: &str) -> &str {
    match id.split_at_checked(4) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("avd-") => rest,
        _ => id,
    }
}

/// The same where `id` may hold `*` (`aws-s3-*`), as comments of other tools do.
#[must_use]
pub fn answers_pattern(rule: &RuleMeta, id: &str) -> bool {
    if !id.contains('*') {
        return answers(rule, id);
    }
    let pattern = normal(id);
    wildcard(&pattern, &normal(&rule.id)) || rule.aliases.iter().any(|alias| wildcard(&pattern, &normal(alias)))
}

/// Whether an id is that of an advisory (`CVE-2021-44228`, `GHSA-...`, `RUSTSEC-...`): such rules are listed nowhere, they are made when
/// a package has the fault.
#[must_use]
pub fn is_advisory(id: &str) -> bool {
    const DATABASES: &[&str] = &[
        "ALBA-", "ALEA-", "ALPINE-", "ALSA-", "BIT-", "CGA-", "CVE-", "DEBIAN-", "DLA-", "DSA-", "DTSA-", "EUVD-", "GHSA-", "GO-", "GSD-",
        "HSEC-", "MAL-", "MINI-", "OSV-", "PYSEC-", "RHSA-", "RLSA-", "RSEC-", "RUSTSEC-", "RXSA-", "SUSE-", "UBUNTU-", "USN-", "VMSA-",
    ];
    let upper = id.trim().to_ascii_uppercase();
    DATABASES.iter().any(|start| upper.strip_prefix(start).is_some_and(|rest| !rest.is_empty()))
}

/// The rules an id names.
pub fn find<'a>(rules: &'a [Arc<RuleMeta>], id: &'a str) -> impl Iterator<Item = &'a Arc<RuleMeta>> {
    rules.iter().filter(move |rule| answers(rule, id))
}

/// The rule id or alias nearest to one that names nothing.
#[must_use]
pub fn nearest<'a>(rules: &'a [Arc<RuleMeta>], id: &str) -> Option<&'a str> {
    crate::words::nearest(id, rules.iter().flat_map(|rule| std::iter::once(&*rule.id).chain(rule.aliases.iter().map(|alias| &**alias))))
}

/// The word of a list nearest to one that is not in it.
#[must_use]
pub fn nearest_word<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    crate::words::nearest(word, known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::rule;
    use probity_core::Severity;

    #[test]
    fn spellings() {
        let mut meta = rule("aws-s3-bucket-unlogged", Severity::Low);
        let changed = Arc::make_mut(&mut meta);
        changed.aliases = vec!["CKV_AWS_18".into(), "AWS-0089".into(), "aws-s3-enable-bucket-logging".into()];
        let check = |id: &str, expected: bool| assert_eq!(answers(&meta, id), expected, "{id}");
        check("aws-s3-bucket-unlogged", true);
        check("AWS-S3-Bucket-Unlogged", true);
        check("ckv_aws_18", true);
        check("AVD-AWS-0089", true);
        check("avd-aws-0089", true);
        check(" AWS-0089 ", true);
        check("AWS-0090", false);
        check("", false);
        check("*", false);
        assert!(answers_pattern(&meta, "*"));
        assert!(answers_pattern(&meta, "aws-s3-*"));
        assert!(answers_pattern(&meta, "AVD-AWS-*"));
        assert!(!answers_pattern(&meta, "aws-rds-*"));
        assert!(is_advisory("cve-2021-44228") && is_advisory("GHSA-jfh8-c2jp-5v3q") && is_advisory("GO-2023-1568"));
        assert!(!is_advisory("CVE-") && !is_advisory("CKV_AWS_18") && !is_advisory("aws-s3-bucket-unlogged"));
        let rules = [meta];
        assert_eq!(nearest(&rules, "CKV_AWS_81"), Some("CKV_AWS_18"));
        assert_eq!(find(&rules, "ckv_aws_18").count(), 1);
    }
}
