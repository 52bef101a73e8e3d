//! What a policy learns of the outside, and what it says: answers come through the lookup, never from the network.

use probity_core::{LookupError, Question};

use crate::builtins::encoding::json_text;
use crate::builtins::operands::{array, object, text};
use crate::builtins::{Answer, Context, Failure};
use crate::term::{Set, Term};

const REQUEST_KEYS: &[&str] = &[
    "method",
    "url",
    "body",
    "enable_redirect",
    "force_json_decode",
    "force_yaml_decode",
    "headers",
    "raw_body",
    "tls_use_system_certs",
    "tls_ca_cert",
    "tls_ca_cert_file",
    "tls_ca_cert_env_variable",
    "tls_client_cert",
    "tls_client_cert_file",
    "tls_client_cert_env_variable",
    "tls_client_key",
    "tls_client_key_file",
    "tls_client_key_env_variable",
    "tls_insecure_skip_verify",
    "tls_server_name",
    "timeout",
    "cache",
    "force_cache",
    "force_cache_duration_seconds",
    "raise_error",
    "caching_mode",
    "max_retry_attempts",
    "cache_ignored_headers",
];

/// Refuses a request with keys that mean nothing, or without an address.
pub(super) fn check_request(arguments: &[Term], at: usize) -> Result<(), Failure> {
    let request = object(arguments, at)?;
    let number = at + 1;
    let invalid: Vec<Term> = request.keys().filter(|key| !key.as_str().is_some_and(|key| REQUEST_KEYS.contains(&key))).collect();
    if !invalid.is_empty() {
        return Err(Failure::Operand(format!("operand {number} invalid request parameters(s): {}", Term::set(invalid))));
    }
    let missing: Vec<Term> = ["method", "url"].into_iter().filter(|key| request.get_str(key).is_none()).map(Term::from).collect();
    if !missing.is_empty() {
        return Err(Failure::Operand(format!("operand {number} missing required request parameters(s): {}", Term::set(missing))));
    }
    Ok(())
}

/// Asks a service. The answer that is known for the address is the body of the response; without one the evaluation ends.
pub(super) fn http_send(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    check_request(arguments, 0)?;
    let request = object(arguments, 0)?;
    let word = |key: &str| match request.get_str(key) {
        Some(Term::String(text)) => Ok(text),
        _ => Err(Failure::Failed(format!("\"{key}\" must be a string"))),
    };
    let (method, url) = (word("method")?, word("url")?);
    let body = request.get_str("raw_body").or_else(|| request.get_str("body"));
    let question = Question::Call { method: method.to_uppercase().into(), url, body: body.map(|body| body.to_value()) };
    match context.lookup.ask(&question) {
        Ok(answer) => {
            let body = Term::from_value(&answer);
            let raw = match &body {
                Term::String(text) => text.to_string(),
                other => json_text(other, None),
            };
            Ok(Term::object(vec![
                (Term::from("status"), Term::from("200 OK")),
                (Term::from("status_code"), Term::int(200)),
                (Term::from("headers"), Term::empty_object()),
                (Term::from("raw_body"), Term::from(raw)),
                (Term::from("body"), body),
            ]))
        }
        Err(LookupError::Absent(subject)) => {
            let message = format!("{subject} does not exist");
            if request.get_str("raise_error") == Some(Term::Bool(false)) {
                let error =
                    vec![(Term::from("code"), Term::from("eval_http_send_network_error")), (Term::from("message"), Term::from(message))];
                return Ok(Term::object(vec![(Term::from("status_code"), Term::int(0)), (Term::from("error"), Term::object(error))]));
            }
            Err(Failure::Failed(message))
        }
        Err(error @ LookupError::Unanswered(_)) => Err(Failure::Halt(error.to_string())),
    }
}

/// What is known of the program that evaluates.
pub(super) fn runtime(context: &mut Context<'_>, _: &[Term]) -> Answer {
    Ok(context.runtime.clone())
}

/// Notes a text.
pub(super) fn trace(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let note = text(arguments, 0)?.to_string();
    context.spend(note.len())?;
    context.notes.push(note);
    Ok(Term::Bool(true))
}

/// Prints values: each argument is the set of values an expression has, none where it is undefined. Many values make many lines.
pub(super) fn print(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let empty = Set::default();
    let sets: Vec<Term> = array(arguments, 0)?.to_vec();
    let mut lines = vec![String::new()];
    for (position, term) in sets.iter().enumerate() {
        let values = term.as_set().unwrap_or(&empty);
        let words: Vec<String> = match values.items() {
            [] => vec!["<undefined>".to_owned()],
            items => items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect(),
        };
        let mut next = Vec::with_capacity(lines.len() * words.len());
        for line in &lines {
            for word in &words {
                let gap = if position > 0 { " " } else { "" };
                context.spend(line.len() + word.len() + 1)?;
                next.push(format!("{line}{gap}{word}"));
            }
        }
        lines = next;
    }
    context.prints.append(&mut lines);
    Ok(Term::Bool(true))
}

/// Tells the name of a test case; that is of use to those who trace only.
pub(super) fn test_case(_: &mut Context<'_>, _: &[Term]) -> Answer {
    Ok(Term::Bool(true))
}

/// The syntax tree of a module, where the evaluation can make one.
pub(super) fn parse_module(context: &mut Context<'_>, arguments: &[Term]) -> Answer {
    let (file, module) = (text(arguments, 0)?, text(arguments, 1)?);
    match context.parse_module {
        Some(parse) => parse(file, module).map_err(Failure::Failed),
        None => Err(Failure::Halt("modules cannot be parsed here".to_owned())),
    }
}

/// What stands for the functions that the compiler answers itself; whoever calls them otherwise learns that they cannot.
pub(super) fn compiled(_: &mut Context<'_>, _: &[Term]) -> Answer {
    Err(Failure::Halt("it can only be answered where it is written".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::tests::{arguments, check};
    use crate::builtins::{Caches, find};
    use probity_core::{Limits, Lookup, NoLookup, Timestamp};
    use probity_value::{Span, Value};

    struct Fixed;

    impl Lookup for Fixed {
        fn ask(&self, question: &Question) -> Result<Value, LookupError> {
            match question {
                Question::Call { method, url, .. } if &**method == "GET" && &**url == "http://a" => Ok(Value::int(1, Span::NONE)),
                Question::Host { .. } => Ok(Value::list(vec![Value::string("1.2.3.4", Span::NONE)], Span::NONE)),
                other => Err(LookupError::Absent(other.subject())),
            }
        }
    }

    #[test]
    fn answers_come_from_the_lookup() {
        let caches = Caches::default();
        let mut context = Context::new(Timestamp { seconds: 0, nanoseconds: 0 }, &Fixed, &|| false, &Limits::default(), &caches);
        let mut call = |name: &str, given: &str| match find(name).unwrap().call(&mut context, &arguments(given)) {
            Ok(term) => term.unwrap().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            call("http.send", r#"[{"method": "get", "url": "http://a"}]"#),
            r#"{"body": 1, "headers": {}, "raw_body": "1", "status": "200 OK", "status_code": 200}"#
        );
        assert_eq!(
            call("http.send", r#"[{"method": "get", "url": "http://b", "raise_error": false}]"#),
            r#"{"error": {"code": "eval_http_send_network_error", "message": "the answer to `GET http://b` does not exist"}, "status_code": 0}"#
        );
        assert_eq!(
            call("http.send", r#"[{"method": "get", "url": "http://b"}]"#),
            "eval_builtin_error: http.send: the answer to `GET http://b` does not exist"
        );
        assert_eq!(call("net.lookup_ip_addr", r#"["x"]"#), r#"{"1.2.3.4"}"#);
    }

    #[test]
    fn nothing_is_asked_of_the_network() {
        check(
            "http.send",
            r#"[{"method": "get", "url": "http://a"}]"#,
            "eval_cancel_error: http.send: the answer to `GET http://a` is not known here (give it with a lookup file)",
        );
        check(
            "http.send",
            r#"[{"method": "get"}]"#,
            r#"eval_type_error: http.send: operand 1 missing required request parameters(s): {"url"}"#,
        );
        check(
            "http.send",
            r#"[{"method": "get", "url": "x", "y": 1}]"#,
            r#"eval_type_error: http.send: operand 1 invalid request parameters(s): {"y"}"#,
        );
    }

    #[test]
    fn what_is_printed() {
        let caches = Caches::default();
        let mut context = Context::new(Timestamp { seconds: 0, nanoseconds: 0 }, &NoLookup, &|| false, &Limits::default(), &caches);
        let given = arguments(r#"[[{"$set": ["a"]}, {"$set": []}, {"$set": [1, "b"]}]]"#);
        find("internal.print").unwrap().call(&mut context, &given).unwrap();
        assert_eq!(context.prints, ["a <undefined> 1", "a <undefined> b"]);
        find("trace").unwrap().call(&mut context, &[Term::from("x")]).unwrap();
        assert_eq!(context.notes, ["x"]);
    }
}
