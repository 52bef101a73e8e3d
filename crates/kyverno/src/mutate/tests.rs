use super::*;

fn value(text: &str) -> Value {
    let (value, problems) = json::parse(text, FileId::NONE);
    assert!(problems.is_empty(), "{text}");
    value
}

fn check(object: &str, patch: &str, expected: &str) {
    let made = merged(&value(object), value(patch)).map_err(|problem| problem.message);
    assert_eq!(made.map(|made| json::write(&made).unwrap()).as_deref(), Ok(json::write(&value(expected)).unwrap().as_str()), "{patch}");
}

/// A Pod with these parts.
fn pod(labels: &str, containers: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"w","labels":{labels}}},"spec":{{"containers":{containers}}}}}"#)
}

const TWO: &str = r#"[{"name":"app","image":"nginx:1"},{"name":"side","image":"envoy:latest","tty":false}]"#;

#[test]
fn additions_are_made_where_nothing_is() {
    let object = pod(r#"{"a":"1"}"#, TWO);
    check(&object, r#"{"metadata":{"labels":{"+(a)":"2","+(b)":"2"}}}"#, &pod(r#"{"a":"1","b":"2"}"#, TWO));
    check(&object, r#"{"metadata":{"labels":{"a":null}}}"#, &pod("{}", TWO));
    check(&object, r#"{"metadata":{"labels":{"$patch":"replace","c":"3"}}}"#, &pod(r#"{"c":"3"}"#, TWO));
}

#[test]
fn conditions_decide() {
    let object = pod(r#"{"a":"1"}"#, TWO);
    check(&object, r#"{"metadata":{"labels":{"(a)":"1","b":"2"}}}"#, &pod(r#"{"a":"1","b":"2"}"#, TWO));
    check(&object, r#"{"metadata":{"labels":{"(a)":"9","b":"2"}}}"#, &object);
    check(&object, r#"{"metadata":{"labels":{"(z)":"1","b":"2"}}}"#, &object);
    check(&object, r#"{"metadata":{"labels":{"<(a)":"9"}},"spec":{"hostPID":true}}"#, &object);
    check(&object, r#"{"metadata":{"labels":{"(a)":"?","b":"2"}}}"#, &pod(r#"{"a":"1","b":"2"}"#, TWO));
}

#[test]
fn elements_that_fit_are_changed_by_name() {
    let object = pod("{}", TWO);
    let with = |app: &str, side: &str| {
        pod("{}", &format!(r#"[{{"name":"app","image":"nginx:1"{app}}},{{"name":"side","image":"envoy:latest","tty":false{side}}}]"#))
    };
    check(&object, r#"{"spec":{"containers":[{"(image)":"*:latest","stdin":true}]}}"#, &{
        // What a patch says of comes first.
        pod("{}", r#"[{"name":"side","image":"envoy:latest","tty":false,"stdin":true},{"name":"app","image":"nginx:1"}]"#)
    });
    check(&object, r#"{"spec":{"containers":[{"(name)":"*","stdin":true}]}}"#, &with(r#","stdin":true"#, r#","stdin":true"#));
    check(&object, r#"{"spec":{"containers":[{"(name)":"none","stdin":true}]}}"#, &object);
    check(&object, r#"{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}"#, &pod("{}", r#"[{"name":"app","image":"nginx:1"}]"#));
}

#[test]
fn what_is_unknown_decides_nothing() {
    let mut object = value(&pod(r#"{"a":"1"}"#, TWO));
    if let Data::Map(map) = &mut object.data {
        let unknown = Value::unknown(probity_value::UnknownKind::Variable, "`x` has no value", Span::NONE);
        Arc::make_mut(map).insert("spec", Span::NONE, unknown);
    }
    let fault = merged(&object, value(r#"{"spec":{"(hostPID)":true,"hostIPC":false}}"#)).unwrap_err();
    assert!(fault.unknown);
    assert!(merged(&object, value(r#"{"metadata":{"labels":{"b":"2"}}}"#)).is_ok());
}

#[test]
fn patches_are_json_or_yaml() {
    assert_eq!(read_patch("- {op: remove, path: /a}").unwrap().len(), 1);
    assert_eq!(read_patch(r#"[{"op":"remove","path":"/a"}]"#).unwrap().len(), 1);
    assert!(read_patch("[1").is_err());
    assert!(read_patch("a: {").is_err());
    assert!(read_patch("- {op: add, path: /a}").is_err());
}
