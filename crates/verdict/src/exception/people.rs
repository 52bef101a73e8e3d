//! Who signed, and whether somebody is the author of the change.

use std::sync::Arc;

use crate::config::Approver;
use crate::signature::{EXCEPTION_NAMESPACE, SignatureCheck};

/// The author of a commit of the change (base..head).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Name.
    pub name: Arc<str>,
    /// Address.
    pub email: Arc<str>,
}

/// The approver whose key verified a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub approver: Approver,
}

/// Tries the keys of all approvers.
///
/// # Errors
/// What the check said, where it said the same of every key; else that no key fits.
pub(crate) fn find_signer(approvers: &[Approver], text: &str, signature: &str, signatures: &dyn SignatureCheck) -> Result<Signer, String> {
    let mut said: Option<String> = None;
    let mut differs = false;
    for approver in approvers {
        for key in &approver.keys {
            match signatures.verify(key, EXCEPTION_NAMESPACE, text.as_bytes(), signature) {
                Ok(()) => return Ok(Signer { approver: approver.clone() }),
                Err(why) => {
                    differs |= said.as_ref().is_some_and(|before| *before != why);
                    said = Some(why);
                }
            }
        }
    }
    match said {
        Some(why) if !differs => Err(why),
        Some(_) => Err("no key of an approver fits it".to_owned()),
        None => Err("no approver is configured whose key could check it".to_owned()),
    }
}

/// Whether the text that names a person (`Jane Doe`, `jane@example.com`, `Jane Doe <jane@example.com>`, or the name of an approver)
/// names an author of the change.
pub(crate) fn wrote_it(person: &str, approvers: &[Approver], authors: &[Author]) -> bool {
    let mut names: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        let text = fold(text);
        if !text.is_empty() {
            names.push(text);
        }
    };
    add(person);
    if let Some((name, rest)) = person.split_once('<') {
        add(name);
        add(rest.trim_end().trim_end_matches('>'));
    }
    let known: Vec<&Approver> = approvers
        .iter()
        .filter(|approver| names.contains(&fold(&approver.name)) || approver.emails.iter().any(|email| names.contains(&fold(email))))
        .collect();
    for approver in known {
        names.push(fold(&approver.name));
        names.extend(approver.emails.iter().map(|email| fold(email)));
    }
    authors.iter().any(|author| {
        let (name, email) = (fold(&author.name), fold(&author.email));
        (!name.is_empty() && names.contains(&name)) || (!email.is_empty() && names.contains(&email))
    })
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{FakeSignatures, SECURITY_KEY, sign, with_approvers};

    #[test]
    fn the_author_under_any_name() {
        let approvers = with_approvers().approvers;
        let authors = [Author { name: "Sara  Sec".into(), email: "Sara@Example.com".into() }];
        let check = |person: &str, expected: bool| assert_eq!(wrote_it(person, &approvers, &authors), expected, "{person}");
        check("sara@example.com", true);
        check("Sara Sec", true);
        check("sara sec", true);
        check("S. Sec <sara@example.com>", true);
        check("Tom Team", false);
        check("team-payments", false);
        check("", false);
        let other_name = [Author { name: "ssec".into(), email: "sara@example.com".into() }];
        assert!(wrote_it("Sara Sec", &approvers, &other_name));
    }

    #[test]
    fn signers() {
        let approvers = with_approvers().approvers;
        let good = sign(SECURITY_KEY, EXCEPTION_NAMESPACE, "text");
        assert_eq!(&*find_signer(&approvers, "text", &good, &FakeSignatures).unwrap().approver.name, "Sara Sec");
        assert!(find_signer(&approvers, "text2", &good, &FakeSignatures).is_err());
        assert!(find_signer(&[], "text", &good, &FakeSignatures).is_err());
        let wrong_namespace = sign(SECURITY_KEY, "file", "text");
        assert!(find_signer(&approvers, "text", &wrong_namespace, &FakeSignatures).is_err());
    }
}
