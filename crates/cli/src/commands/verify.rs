//! `probity verify`: who signed an artifact, when, and according to whom; and what that leaves open.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Result;
use probity_attest::Hasher;
use probity_attest::statement::format_time;
use probity_core::Digest;
use probity_formats::escape;
use probity_signatures::SIGNATURE;
use probity_sigstore::{
    Artifact, Bundle, MAX_BUNDLE, MAX_TRUST_ROOT, Matcher, PUBLIC_GOOD_DATE, PatternError, Policy, PublicKey, SignedBy, Signer, Step,
    TimeSource, TrustRoot, Verified, VerifyError, verify,
};
use serde_json::{Map, Value, json};

use crate::arguments::{CompareFormat, SignerArguments, VerifyArguments, VerifyBundleArguments};
use crate::beside::{self, Access};
use crate::commands::{verify_image, verify_policy};
use crate::{Wrong, keys, output, run};

/// Most bytes of a public key.
const MAX_KEY: usize = 64 << 10;
/// Most subjects of a statement that are shown to people.
const MOST_SUBJECTS: usize = 20;

/// As the client of sigstore-conformance.
pub(crate) fn client(arguments: VerifyBundleArguments) -> Result<u8> {
    let demanded = Demanded { signer: &arguments.signer, ignore_log: false, timestamps: false };
    let of = Given { artifact: &arguments.artifact, bundle: &arguments.bundle, root: arguments.trusted_root.as_deref() };
    of_file(&of, &demanded, CompareFormat::Human)
}

pub(crate) fn run(arguments: &VerifyArguments) -> Result<u8> {
    let demanded =
        Demanded { signer: &arguments.signer, ignore_log: arguments.insecure_ignore_tlog, timestamps: arguments.use_signed_timestamps };
    let Some(bundle) = &arguments.bundle else {
        let Some(image) = beside::open(&arguments.artifact, &arguments.image, Access::Read)? else {
            let hint = "name the bundle of a file with `--bundle FILE`, or an image as REGISTRY/REPOSITORY:TAG";
            return Err(Wrong::hint(format!("`{}` is no image, and no bundle is named", arguments.artifact), Some(hint)).into());
        };
        if !arguments.policy.is_empty() {
            return verify_policy::run(arguments, image);
        }
        return verify_image::run(arguments, &image, &demanded);
    };
    if arguments.predicate_type.is_some() || !arguments.annotations.is_empty() || arguments.signature_format.is_some() {
        let hint = "`--type`, `--annotations` and `--signature-format` are for images, whose signatures lie beside them";
        return Err(Wrong::hint("a bundle was named", Some(hint)).into());
    }
    let of = Given { artifact: &arguments.artifact, bundle, root: arguments.trusted_root.as_deref() };
    of_file(&of, &demanded, arguments.format)
}

/// What is to be verified, and with which trust root.
struct Given<'a> {
    artifact: &'a str,
    bundle: &'a Path,
    root: Option<&'a Path>,
}

/// What the command line demands of a signature.
pub(crate) struct Demanded<'a> {
    /// Who.
    pub(crate) signer: &'a SignerArguments,
    /// Whether no entry of a log is demanded.
    pub(crate) ignore_log: bool,
    /// Whether an authority's timestamp is.
    pub(crate) timestamps: bool,
}

fn of_file(of: &Given<'_>, demanded: &Demanded<'_>, format: CompareFormat) -> Result<u8> {
    let policy = demanded.policy()?;
    let (root, root_name) = root(of.root)?;
    let bytes = bounded(of.bundle, MAX_BUNDLE)?;
    let bundle = Bundle::parse(&bytes);
    let given = Content::read(of.artifact, bundle.as_ref().is_ok_and(|bundle| bundle.needs_bytes(&policy)))?;
    let outcome = bundle.and_then(|bundle| {
        let verified = verify(&bundle, &root, &policy, given.artifact(), run::now())?;
        Ok((verified, bundle.version()))
    });
    let trusted = Trusted { policy: &policy, root: &root_name, built_in: of.root.is_none() };
    let about = About { name: of.artifact, trusted: &trusted, digest: given.digest };
    let code = match &outcome {
        Ok(_) => 0,
        Err(error) if error.step.is_undecided() => 3,
        Err(_) => 1,
    };
    match (format, &outcome) {
        (CompareFormat::Human, Ok((verified, version))) => output::text(&about.human(verified, version)?)?,
        (CompareFormat::Human, Err(error)) => output::text(&about.refused(error))?,
        (CompareFormat::Json, Ok((verified, version))) => output::json(&about.json(verified, version)?)?,
        (CompareFormat::Json, Err(error)) => output::json(&json!({
            "version": 1, "verified": false, "decided": !error.step.is_undecided(), "artifact": about.artifact(),
            "step": error.step.name(), "why": error.why, "trust_root": trusted.json(),
        }))?,
    }
    Ok(code)
}

/// The content that is to be verified.
struct Content {
    digest: Digest,
    bytes: Option<Vec<u8>>,
}

impl Content {
    /// Reads a file, of which only the digest is kept unless its bytes are needed; or takes the digest that is given in its place.
    fn read(named: &str, whole: bool) -> Result<Content> {
        if named.starts_with("sha256:") {
            return Ok(Content { digest: named.parse().map_err(Wrong::new)?, bytes: None });
        }
        let wrong = |error: std::io::Error| Wrong::hint(format!("cannot read `{named}`: {error}"), None);
        let mut file = File::open(named).map_err(wrong)?;
        let mut hasher = Hasher::new();
        let mut kept = whole.then(Vec::new);
        let mut buffer = vec![0_u8; 256 << 10];
        loop {
            let count = match file.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(wrong(error).into()),
            };
            let read = buffer.get(..count).unwrap_or_default();
            if read.is_empty() {
                return Ok(Content { digest: hasher.finish(), bytes: kept });
            }
            hasher.update(read);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(read);
            }
        }
    }

    fn artifact(&self) -> Artifact<'_> {
        self.bytes.as_deref().map_or(Artifact::Sha256(self.digest), Artifact::Bytes)
    }
}

/// A file of at most so many bytes. One that is larger is read as far as tells that it is.
fn bounded(path: &Path, most: usize) -> Result<Vec<u8>> {
    let wrong = |error: std::io::Error| Wrong::hint(format!("cannot read `{}`: {error}", path.display()), None);
    let mut bytes = Vec::new();
    File::open(path).map_err(wrong)?.take(most as u64 + 1).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}

impl Demanded<'_> {
    /// The policy of it.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let SignerArguments {
            certificate_identity,
            certificate_identity_regexp,
            certificate_oidc_issuer,
            certificate_oidc_issuer_regexp,
            key,
        } = self.signer;
        let names = [certificate_identity, certificate_identity_regexp];
        let issuers = [certificate_oidc_issuer, certificate_oidc_issuer_regexp];
        let is_named = |all: [&Option<String>; 2]| all.iter().any(|one| one.is_some());
        if key.is_none() && !(is_named(names) && is_named(issuers)) {
            let hint = "say who has to have signed: `--key FILE`, or `--certificate-identity NAME` and `--certificate-oidc-issuer URL` (or their \
                        `-regexp` forms)";
            return Err(Wrong::hint("nobody is named whose signature counts", Some(hint)).into());
        }
        let matcher = |flag: &str, exact: &Option<String>, pattern: &Option<String>| -> Result<Matcher> {
            let made = match (exact, pattern) {
                (Some(exact), None) => Matcher::exact(exact),
                (None, Some(pattern)) => Matcher::pattern(pattern),
                _ => Err(PatternError::Empty),
            };
            made.map_err(|error| Wrong::hint(format!("`--{flag}` cannot be used: {error}"), None).into())
        };
        let signer = match key {
            Some(path) => {
                let named = path.to_str().map(keys::elsewhere).transpose()?.flatten();
                if let Some(named) = named {
                    let key = keys::public_of(&named)?.to_pem();
                    let key = PublicKey::from_pem(&key).map_err(|error| Wrong::hint(format!("`{named}`: {}", error.0), None))?;
                    return Ok(self.by(Signer::Key(key)));
                }
                let bytes = bounded(path, MAX_KEY)?;
                let wrong =
                    |why: String| Wrong::hint(format!("`{}` is no public key: {why}", path.display()), Some("it is a PEM `PUBLIC KEY`"));
                let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not text".to_owned()))?;
                Signer::Key(PublicKey::from_pem(text).map_err(|error| wrong(error.0))?)
            }
            None => Signer::Certificate {
                identity: matcher("certificate-identity", certificate_identity, certificate_identity_regexp)?,
                issuer: matcher("certificate-oidc-issuer", certificate_oidc_issuer, certificate_oidc_issuer_regexp)?,
            },
        };
        Ok(self.by(signer))
    }

    fn by(&self, signer: Signer) -> Policy {
        let with_key = matches!(signer, Signer::Key(_));
        // A key counts until it is given up, so that a time of signing proves nothing more of it.
        Policy { signer, log: !self.ignore_log, timestamp: self.timestamps, no_time: with_key }
    }
}

/// The trust root, and its name for people.
pub(crate) fn root(given: Option<&Path>) -> Result<(TrustRoot, String)> {
    match given {
        Some(path) => {
            let root = TrustRoot::parse(&bounded(path, MAX_TRUST_ROOT)?)
                .map_err(|error| Wrong::hint(format!("`{}` cannot be used: {error}", path.display()), None))?;
            Ok((root, path.display().to_string()))
        }
        None => Ok((
            TrustRoot::public_good().map_err(Wrong::new)?,
            format!("built in: Sigstore's public-good instance as of {PUBLIC_GOOD_DATE}"),
        )),
    }
}

/// What an answer is about.
struct About<'a> {
    name: &'a str,
    trusted: &'a Trusted<'a>,
    digest: Digest,
}

/// What was demanded, and whom was trusted.
pub(crate) struct Trusted<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) root: &'a str,
    pub(crate) built_in: bool,
}

impl Trusted<'_> {
    /// The trust root.
    pub(crate) fn json(&self) -> Value {
        let (file, date) = if self.built_in { (None, Some(PUBLIC_GOOD_DATE)) } else { (Some(self.root), None) };
        json!({ "file": file, "built_in": date })
    }

    /// What to do about a refusal.
    pub(crate) fn hints(&self, step: Step) -> String {
        let mut text = String::new();
        if self.built_in && matches!(self.policy.signer, Signer::Certificate { .. }) {
            text +=
                "hint: what was signed with another instance of Sigstore, or with keys newer than this root, needs `--trusted-root FILE`\n";
        }
        if step == Step::LogInclusion && matches!(self.policy.signer, Signer::Key(_)) {
            text += "hint: what a key alone signed, as `probity sign` does, has no entry: `--insecure-ignore-tlog` asks for none\n";
        }
        text
    }

    /// What a signature proves, for people: what it is, and what it says.
    pub(crate) fn lines(&self, verified: &Verified) -> Result<Vec<(&'static str, String)>> {
        let mut lines = Vec::new();
        let mut say = |what: &'static str, text: &str| lines.push((what, text.to_owned()));
        match &verified.signer {
            SignedBy::Identity { identity, issuer } => {
                say("signed by", identity);
                say("vouched by", issuer);
            }
            SignedBy::Key { id, algorithm } => say("signed by", &format!("the {algorithm} key sha256:{id}")),
        }
        for signed in &verified.times {
            let by = signed.by.as_deref().unwrap_or("of the trust root");
            let source = match signed.source {
                TimeSource::Log => "transparency log",
                TimeSource::TimestampAuthority => "timestamp authority",
            };
            say("signed at", &format!("{}, says the {source} {by}", format_time(signed.time)?));
        }
        if verified.times.is_empty() {
            say("signed at", "unknown: nobody says");
        }
        for entry in &verified.log {
            let log = entry.log.as_deref().unwrap_or("a log of the trust root");
            let how = if entry.proven { "inclusion proven" } else { "inclusion promised by the log" };
            say("on record", &format!("entry {} of {log}, {how}", entry.index));
        }
        if let Some(statement) = verified.statement.as_ref().filter(|statement| statement.predicate_type != SIGNATURE) {
            say("says", &statement.predicate_type);
            for subject in statement.subjects.iter().take(MOST_SUBJECTS) {
                let digests: Vec<String> = subject.digest.iter().map(|(algorithm, digest)| format!("{algorithm}:{digest}")).collect();
                say("  about", format!("{} {}", subject.name, digests.join(" ")).trim());
            }
            if statement.subjects.len() > MOST_SUBJECTS {
                say("  about", &format!("{} more", statement.subjects.len() - MOST_SUBJECTS));
            }
        }
        Ok(lines)
    }

    /// The same for programs.
    pub(crate) fn proofs(&self, verified: &Verified) -> Result<Map<String, Value>> {
        let signer = match &verified.signer {
            SignedBy::Identity { identity, issuer } => json!({ "identity": identity, "issuer": issuer }),
            SignedBy::Key { id, algorithm } => json!({ "key": id.to_string(), "algorithm": algorithm }),
        };
        let times = verified.times.iter().map(|signed| {
            let source = match signed.source {
                TimeSource::Log => "log",
                TimeSource::TimestampAuthority => "timestamp-authority",
            };
            Ok(json!({ "time": format_time(signed.time)?, "source": source, "by": signed.by }))
        });
        let log = verified.log.iter().map(|entry| json!({ "log": entry.log, "index": entry.index, "proven": entry.proven }));
        let statement = verified.statement.as_ref().map(|statement| {
            let subjects = statement.subjects.iter().map(|subject| json!({ "name": subject.name, "digest": subject.digest }));
            json!({ "predicate_type": statement.predicate_type, "subjects": subjects.collect::<Vec<_>>() })
        });
        let whole = json!({
            "signer": signer, "times": times.collect::<Result<Vec<_>>>()?, "log": log.collect::<Vec<_>>(), "statement": statement,
            "not_checked": self.not_checked(verified),
        });
        Ok(whole.as_object().cloned().unwrap_or_default())
    }

    /// What a reader could take for checked, and is not.
    pub(crate) fn not_checked(&self, verified: &Verified) -> Vec<String> {
        let mut open = Vec::new();
        let mut say = |text: &str| open.push(text.to_owned());
        match &self.policy.signer {
            Signer::Key(_) => say("whose key it is, and whether it still counts"),
            Signer::Certificate { identity, issuer } => {
                for (what, matcher) in [("identity", identity), ("issuer", issuer)] {
                    if matcher.is_loose() {
                        say(&format!("that nothing stands around the {what}'s pattern: it has no ^ or no $"));
                    }
                }
                say("the certificate's other claims (repository, workflow, commit)");
            }
        }
        if verified.log.is_empty() {
            say("whether it is in a transparency log: the bundle has no entry, and none was demanded");
        }
        if verified.statement.as_ref().is_some_and(|statement| statement.predicate_type != SIGNATURE) {
            say("what the predicate says");
        }
        if self.built_in && !(verified.log.is_empty() && verified.times.is_empty()) {
            say("whether the built-in trust root is still the current one");
        }
        open
    }
}

impl About<'_> {
    fn artifact(&self) -> Value {
        let name = (!self.name.starts_with("sha256:")).then_some(self.name);
        json!({ "name": name, "sha256": self.digest.to_string() })
    }

    fn refused(&self, error: &VerifyError) -> String {
        let word = if error.step.is_undecided() { "could not decide" } else { "refused" };
        let text = format!(
            "{word}: {}\n  because     {}: {}\n  trust root  {}\n",
            escape::line(self.name),
            error.step,
            escape::line(&error.why),
            escape::line(self.trusted.root)
        );
        text + &self.trusted.hints(error.step)
    }

    fn human(&self, verified: &Verified, version: &str) -> Result<String> {
        let mut lines = vec![format!("verified: {}", escape::line(self.name))];
        let mut say = |what: &str, text: &str| lines.push(format!("  {what:<12}{}", escape::line(text)));
        if !self.name.starts_with("sha256:") {
            say("sha256", &self.digest.to_string());
        }
        for (what, text) in self.trusted.lines(verified)? {
            say(what, &text);
        }
        say("bundle", &format!("version {version}"));
        say("trust root", self.trusted.root);
        for open in self.trusted.not_checked(verified) {
            say("not checked", &open);
        }
        Ok(lines.join("\n") + "\n")
    }

    fn json(&self, verified: &Verified, version: &str) -> Result<Value> {
        let mut whole = json!({
            "version": 1, "verified": true, "decided": true, "artifact": self.artifact(), "bundle": { "version": version },
            "trust_root": self.trusted.json(),
        });
        if let Some(whole) = whole.as_object_mut() {
            whole.extend(self.trusted.proofs(verified)?);
        }
        Ok(whole)
    }
}
