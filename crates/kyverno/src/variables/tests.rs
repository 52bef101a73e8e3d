use std::sync::Arc;

use probity_core::{Inventory, Limits, NoLookup, Operation, PolicyContext, Request, Timestamp};
use probity_value::{FileId, Span, Value, json};

use super::*;
use crate::jmespath::JmesErrorKind;
use crate::scope::Entry;

fn value(text: &str) -> Value {
    let (value, problems) = json::parse(text, FileId::NONE);
    assert!(problems.is_empty(), "{text}");
    value
}

const OBJECT: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","labels":{"app":"x","tricky":"{{ request.object.kind }}"}},
    "spec":{"replicas":3,"text":"a<b","names":["a","b"],"escaped":"\\{{ request }}","other":{"limits":{"cpu":"1"}}}}"#;

fn with_scope<T>(operation: Operation, check: impl FnOnce(&Scope<'_>) -> T) -> T {
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits::default(),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let evaluation = Evaluation::new(&context);
    let mut request = Request::create(value(OBJECT));
    request.operation = operation;
    request.user.username = "system:serviceaccount:team:builder".into();
    if operation == Operation::Delete {
        request.old_object = std::mem::replace(&mut request.object, Value::null(Span::NONE));
    }
    let scope = Scope::of_request(&evaluation, &request);
    scope.set("x", value("\"X\""));
    scope.set("empty", value("\"\""));
    scope.set("key", value("\"name\""));
    scope.set("loop", value(r#""a {{ loop }}""#));
    scope.set("braces", value(r#""{{ x }}""#));
    check(&scope)
}

fn filled(document: &str, operation: Operation) -> Result<String, String> {
    with_scope(operation, |scope| {
        let template = Template::parse(&value(document), &[]).map_err(|error| error.to_string())?;
        template.substitute(scope).map(|value| json::write(&value).unwrap()).map_err(|error| error.to_string())
    })
}

fn check(document: &str, expected: &str) {
    assert_eq!(filled(document, Operation::Create).as_deref(), Ok(expected), "{document}");
}

fn fails(document: &str, expected: &str) {
    assert_eq!(filled(document, Operation::Create).as_ref().map_err(String::as_str), Err(expected), "{document}");
}

#[test]
fn whole_text_becomes_the_value() {
    check(r#""{{ request.object.spec.replicas }}""#, "3");
    check(r#""{{request.object.spec.names}}""#, r#"["a","b"]"#);
    check(r#""{{ request.object.spec.nothing || `null` }}""#, "null");
    check(r#"{"a":["{{ x }}", 1, true, null]}"#, r#"{"a":["X",1,true,null]}"#);
    check(r#""{{ {a: x} }}""#, r#"{"a":"X"}"#);
    check(r#""{{{a: x}}}""#, r#"{"a":"X"}"#);
    check(r#""{{ serviceAccountName }}/{{ serviceAccountNamespace }}""#, r#""builder/team""#);
}

#[test]
fn text_within_text_is_json() {
    check(r#""n={{ request.object.spec.replicas }}!""#, r#""n=3!""#);
    check(r#""{{ request.object.spec.names }} {{x}}""#, r#""[\"a\",\"b\"] X""#);
    check(r#"" {{ request.object.spec.text }}""#, r#"" a<b""#);
    check(r#""v {{ {a: request.object.spec.text} }}""#, r#""v {\"a\":\"a\\u003cb\"}""#);
    check(r#""{{x}}{{x}}""#, r#""XX""#);
    check(r#""{{empty}}{{request.object.spec.replicas}}""#, "3");
    check(r#""é{{x}}é""#, r#""éXé""#);
    check(r#""{ {{x}} }""#, r#""{ X }""#);
    check(r#""{{{x}}""#, r#""{X""#);
    check(r#""{{ x }""#, r#""{{ x }""#);
    check(r#""{{ a.{b: {c: d}} }}""#, r#""{{ a.{b: {c: d}} }}""#);
}

#[test]
fn keys_have_variables() {
    check(r#"{"{{key}}":1}"#, r#"{"name":1}"#);
    check(r#"{"a-{{key}}":{"{{x}}":"{{x}}"}}"#, r#"{"a-name":{"X":"X"}}"#);
    fails(r#"{"{{request.object.spec.names}}":1}"#, "the key `{{request.object.spec.names}}` becomes a list, not text");
}

#[test]
fn variables_nest() {
    check(r#""{{ request.object.metadata.{{key}} }}""#, r#""web""#);
    check(r#""{{ request.object.metadata.labels.{{ 'app' }} }}""#, r#""x""#);
    check(r#""is {{ braces }}""#, r#""is X""#);
    check(r#""is {{- braces }}""#, r#""is {{ x }}""#);
    check(r#""{{ braces }}""#, r#""{{ x }}""#);
    check(r#""{{ request.object.metadata.labels }}""#, r#"{"app":"x","tricky":"Pod"}"#);
    fails(r#""b {{ loop }}""#, "variables bring in variables more than 64 times");
    fails(r#""b {{- request.object.spec.names }}""#, "`request.object.spec.names` is a list; after `{{-` only text can be");
}

#[test]
fn escapes_are_kept() {
    check(r#""\\{{ x }}""#, r#""{{ x }}""#);
    check(r#""\\{{ x }} {{x}}""#, r#""{{ x }} X""#);
    check(r#""{{ request.object.spec.escaped }}!""#, r#""{{ request }}!""#);
    check(r#""\\$(x)""#, r#""$(x)""#);
}

#[test]
fn what_is_missing_is_said() {
    fails(r#""{{ nothing }}""#, "there is no variable `nothing`");
    fails(
        r#""{{ request.object.metadata.labels.none }}""#,
        "`request.object.metadata.labels.none` does not exist: `labels` has no key `none`",
    );
    check(r#""{{ request.object.spec.names.none.x }}""#, "null");
}

#[test]
fn deletion_asks_the_old_object() {
    assert_eq!(filled(r#""{{ request.object.metadata.name }}""#, Operation::Delete).as_deref(), Ok(r#""web""#));
    assert_eq!(filled(r#""n {{ request.object.metadata.{{key}} }}""#, Operation::Delete).as_deref(), Ok(r#""n web""#));
}

#[test]
fn references_name_other_texts() {
    check(
        r#"{"spec":{"limits":{"m":"10"},"requests":{"m":"<=$(./../../limits/m)"}}}"#,
        r#"{"spec":{"limits":{"m":"10"},"requests":{"m":"<=10"}}}"#,
    );
    check(r#"{"a":"1","b":"$(/a)"}"#, r#"{"a":"1","b":"1"}"#);
    check(r#"{"=(a)":"1","b":"x$(/a)"}"#, r#"{"=(a)":"1","b":"x1"}"#);
    check(r#"{"a":5,"b":"$(>/a)"}"#, r#"{"a":5,"b":">5"}"#);
    check(r#"{"a":"{{ x }}","b":"$(/a)"}"#, r#"{"a":"X","b":"X"}"#);
    fails(r#"{"b":"$(/a)"}"#, "the reference `$(/a)` at `/b` names nothing (`/a`)");
    fails(r#"{"a":{"c":1},"b":"$(/a)"}"#, "the reference `$(/a)` at `/b` names nothing (`/a`)");
}

#[test]
fn the_place_itself() {
    let document = value(r#"{"spec":{"names":["{{@}}"],"other":{"limits":{"cpu":"{{ @ }}"}}}}"#);
    let found = with_scope(Operation::Create, |scope| {
        Template::parse(&document, &["mutate", "patchStrategicMerge"]).unwrap().substitute(scope).unwrap()
    });
    assert_eq!(json::write(&found).unwrap(), r#"{"spec":{"names":["a"],"other":{"limits":{"cpu":"1"}}}}"#);
    let found = with_scope(Operation::Create, |scope| {
        scope.set("target", value(r#"{"spec":{"names":["t"],"other":{"limits":{"cpu":"2"}}}}"#));
        Template::parse(&document, &["mutate", "patchStrategicMerge"]).unwrap().substitute(scope).unwrap()
    });
    assert_eq!(json::write(&found).unwrap(), r#"{"spec":{"names":["t"],"other":{"limits":{"cpu":"2"}}}}"#);
}

struct Computed(&'static str, &'static str);

impl Entry for Computed {
    fn name(&self) -> &str {
        self.0
    }

    fn load(&self, scope: &Scope<'_>) -> Result<Value, JmesError> {
        Expression::parse(self.1, Span::NONE)?.search(scope)
    }
}

#[test]
fn entries_load_in_order_and_once() {
    let entries = [
        Computed("one", "x"),
        Computed("two", "join('', [one, one])"),
        Computed("early", "late"),
        Computed("late", "'l'"),
        Computed("one", "join('-', [one, 'again'])"),
    ];
    with_scope(Operation::Create, |outer| {
        let mut scope = outer.child();
        entries.iter().for_each(|entry| scope.add(entry));
        let ask = |scope: &Scope<'_>, text: &str| {
            let found = Expression::parse(text, Span::NONE).and_then(|expression| expression.search(scope));
            found.map(|value| json::write(&value).unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(ask(&scope, "two").as_deref(), Ok(r#""XX""#));
        assert_eq!(ask(&scope, "one").as_deref(), Ok(r#""X-again""#));
        assert_eq!(ask(&scope, "'a' || early").unwrap_err(), "the variable `early` has no value: there is no variable `late`");
        assert_eq!(ask(&scope, "late").as_deref(), Ok(r#""l""#));
        let inner = scope.child();
        inner.set_element(value(r#"{"n":1}"#), 2, 0);
        assert_eq!(ask(&inner, "[element.n, elementIndex, element0.n, elementIndex0, late]").as_deref(), Ok(r#"[1,2,1,2,"l"]"#));
        inner.merge(&["request", "object", "spec", "replicas"], value("9"));
        assert_eq!(ask(&inner, "request.object.spec.[replicas, text]").as_deref(), Ok(r#"[9,"a<b"]"#));
        assert_eq!(ask(&scope, "request.object.spec.replicas").as_deref(), Ok("3"));
        inner.set_object(value("{}"));
        assert_eq!(ask(&inner, "request.object").as_deref(), Ok("{}"));
    });
}

#[test]
fn names_are_mentioned_as_words() {
    let entries = [Computed("gone", "nothing")];
    with_scope(Operation::Create, |outer| {
        let mut scope = outer.child();
        entries.iter().for_each(|entry| scope.add(entry));
        let ask = |text: &str| Expression::parse(text, Span::NONE).unwrap().search(&scope).is_ok();
        assert!(ask("x.gone || 'y'"));
        assert!(ask("begone || 'y'"));
        assert!(ask("goner || 'y'"));
        assert!(!ask("gone || 'y'"));
        assert!(!ask("'y' || gone.z"));
    });
}

#[test]
fn bounds_hold() {
    let deep = "[".repeat(300) + &"]".repeat(300);
    let inventory = Arc::new(Inventory::default());
    let context = PolicyContext {
        lookup: &NoLookup,
        inventory: &inventory,
        limits: Limits { steps: 100_000, bytes: 1 << 20, ..Limits::default() },
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        interrupted: &|| false,
    };
    let run = |text: &str| {
        let evaluation = Evaluation::new(&context);
        Expression::parse(text, Span::NONE)
            .and_then(|expression| expression.search_value(&value("[1,2,3]"), &evaluation))
            .map_err(|error| error.kind)
    };
    assert_eq!(run(&deep), Err(JmesErrorKind::Limit));
    assert_eq!(run(&"!".repeat(1000)), Err(JmesErrorKind::Limit));
    assert_eq!(run(&("a".to_owned() + &".a".repeat(1000))), Err(JmesErrorKind::Limit));
    assert_eq!(run(&("(".repeat(500) + "a")), Err(JmesErrorKind::Limit));
    assert_eq!(run(&("@".to_owned() + &" | [@,@]".repeat(60))), Err(JmesErrorKind::Limit));
    assert_eq!(run(&("@".to_owned() + &" | [@,@]".repeat(60) + " | to_string(@)")), Err(JmesErrorKind::Limit));
    assert_eq!(run(&("'aaaaaaaa'".to_owned() + &" | replace_all(@,'a','aaaaaaaa')".repeat(30))), Err(JmesErrorKind::Limit));
    assert_eq!(run("regex_match('(a{500}){500}', 'a')"), Err(JmesErrorKind::Wrong));
}
