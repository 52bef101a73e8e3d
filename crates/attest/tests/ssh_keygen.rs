//! SSH signatures against the real `ssh-keygen`, both ways. Without the program each test prints that it was skipped.
#![allow(clippy::disallowed_methods, reason = "a test touches the world on purpose")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};

use probity_attest::sshsig::{self, PrivateKey, PrivateKeyError, PublicKey, SignatureError, SshSignature};

const NAMESPACE: &str = "probity-exception";
const MESSAGE: &[u8] = b"rule: aws-s3-bucket-public\nreason: test\n";

fn present() -> bool {
    let found = Command::new("ssh-keygen").arg("-?").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("SKIPPED: the program ssh-keygen is not installed, so nothing was compared with it");
    }
    found
}

fn run(arguments: &[&str], folder: &Path, input: Option<&[u8]>) -> (bool, String) {
    use std::io::Write as _;
    let mut command = Command::new("ssh-keygen");
    command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.unwrap_or_default()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout))
}

fn make_key(folder: &Path, kind: &str, bits: &str, passphrase: &str, extra: &[&str]) -> (String, PublicKey) {
    let mut arguments = vec!["-q", "-t", kind, "-N", passphrase, "-C", "Maria Rossi", "-f", "key"];
    if !bits.is_empty() {
        arguments.extend(["-b", bits]);
    }
    arguments.extend(extra);
    let (ok, said) = run(&arguments, folder, None);
    assert!(ok, "{said}");
    let public = PublicKey::parse(&std::fs::read_to_string(folder.join("key.pub")).unwrap()).unwrap();
    (std::fs::read_to_string(folder.join("key")).unwrap(), public)
}

#[test]
fn what_ssh_keygen_signs_is_accepted_and_every_change_refused() {
    if !present() {
        return;
    }
    let kinds = [("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "384"), ("rsa", "2048"), ("rsa", "3072")];
    for (kind, bits) in kinds {
        for hash in ["sha256", "sha512"] {
            let folder = tempfile::tempdir().unwrap();
            let (_, public) = make_key(folder.path(), kind, bits, "", &[]);
            std::fs::write(folder.path().join("message"), MESSAGE).unwrap();
            let option = format!("hashalg={hash}");
            let (ok, said) = run(&["-Y", "sign", "-f", "key", "-n", NAMESPACE, "-O", &option, "message"], folder.path(), None);
            assert!(ok, "{said}");
            let armoured = std::fs::read_to_string(folder.path().join("message.sig")).unwrap();
            let known = [public.clone()];
            assert_eq!(sshsig::verify(MESSAGE, &armoured, NAMESPACE, &known), Ok(0), "{kind} {bits} {hash}");
            assert_eq!(sshsig::verify(b"other", &armoured, NAMESPACE, &known), Err(SignatureError::Wrong));
            assert!(matches!(sshsig::verify(MESSAGE, &armoured, "file", &known), Err(SignatureError::Namespace { .. })));
            assert!(matches!(sshsig::verify(MESSAGE, &armoured, NAMESPACE, &[]), Err(SignatureError::UnknownKey(_))));
            let (ok, fingerprint) = run(&["-l", "-f", "key.pub"], folder.path(), None);
            assert!(ok && fingerprint.contains(&public.fingerprint()), "{fingerprint}");
            every_changed_letter_is_refused(&armoured, &known);
        }
    }
}

fn every_changed_letter_is_refused(armoured: &str, known: &[PublicKey]) {
    for (position, letter) in armoured.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
        let other = if letter == 'A' { 'B' } else { 'A' };
        let changed = format!("{}{other}{}", &armoured[..position], &armoured[position + 1..]);
        assert!(sshsig::verify(MESSAGE, &changed, NAMESPACE, known).is_err(), "letter {position} of {armoured}");
    }
}

#[test]
fn what_is_signed_here_is_accepted_by_ssh_keygen() {
    if !present() {
        return;
    }
    for passphrase in ["", "correct horse"] {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = make_key(folder.path(), "ed25519", "", passphrase, &[]);
        let key = PrivateKey::parse(&private, Some(passphrase.as_bytes())).unwrap();
        assert_eq!(key.public_key(), &public);
        let armoured = key.sign(MESSAGE, NAMESPACE).unwrap();
        assert_eq!(SshSignature::parse(&armoured).unwrap().verify(MESSAGE, NAMESPACE).unwrap(), &public);
        std::fs::write(folder.path().join("allowed"), format!("maria@example.com {public}\n")).unwrap();
        std::fs::write(folder.path().join("message.sig"), &armoured).unwrap();
        let verify = ["-Y", "verify", "-f", "allowed", "-I", "maria@example.com", "-n", NAMESPACE, "-s", "message.sig"];
        let (ok, said) = run(&verify, folder.path(), Some(MESSAGE));
        assert!(ok, "{said}");
        let (ok, _) = run(&verify, folder.path(), Some(b"other"));
        assert!(!ok);
        // Ed25519 is deterministic, so even the bytes are the same.
        if passphrase.is_empty() {
            std::fs::write(folder.path().join("same"), MESSAGE).unwrap();
            let (ok, said) = run(&["-Y", "sign", "-f", "key", "-n", NAMESPACE, "same"], folder.path(), None);
            assert!(ok, "{said}");
            assert_eq!(std::fs::read_to_string(folder.path().join("same.sig")).unwrap(), armoured);
        }
    }
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    if !present() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (private, _) = make_key(folder.path(), "ed25519", "", "right", &["-a", "2"]);
    assert!(matches!(PrivateKey::parse(&private, None), Err(PrivateKeyError::NeedsPassphrase)));
    assert!(matches!(PrivateKey::parse(&private, Some(b"wrong")), Err(PrivateKeyError::WrongPassphrase)));
    assert!(matches!(PrivateKey::parse(&private, Some(b"")), Err(PrivateKeyError::WrongPassphrase)));
    assert!(PrivateKey::parse(&private, Some(b"right")).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let (private, _) = make_key(folder.path(), "ed25519", "", "right", &["-a", "2", "-Z", "aes128-ctr"]);
    assert!(matches!(PrivateKey::parse(&private, Some(b"right")), Err(PrivateKeyError::Protection(_))));
    let folder = tempfile::tempdir().unwrap();
    let (private, _) = make_key(folder.path(), "rsa", "2048", "", &[]);
    let error = PrivateKey::parse(&private, None).unwrap_err();
    assert!(error.to_string().contains("ssh-keygen -Y sign"), "{error}");
    assert!(matches!(PrivateKey::parse("x", None), Err(PrivateKeyError::Format(_))));
}
