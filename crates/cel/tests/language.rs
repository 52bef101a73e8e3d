//! The language through its public interface: values, errors, types, unknowns, costs and limits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use probity_cel::{
    Activation, Bindings, Budget, Call, CelError, Context, Environment, ErrorKind, ProblemKind, Type, TypeProvider, Value, macros,
};
use probity_value::{FileId, Span, UnknownKind, json};

fn environment() -> Environment {
    Environment::standard()
        .optionals()
        .library(&macros::TWO_VARIABLES)
        .library(&macros::BINDINGS)
        .variable("object", Type::Dyn)
        .variable("name", Type::String)
        .variable("items", Type::list(Type::Int))
}

const OBJECT: &str = r#"{
    "metadata": {"name": "web", "labels": {"app": "web", "tier.kubernetes.io/x": "front"}},
    "spec": {"replicas": 3, "ratio": 0.5, "containers": [
        {"name": "a", "image": "nginx:1.27", "ports": [80, 443]},
        {"name": "b", "image": "redis"}
    ], "none": null}
}"#;

fn object() -> probity_value::Value {
    let (mut value, problems) = json::parse(OBJECT, FileId(0));
    assert!(problems.is_empty());
    if let probity_value::Data::Map(map) = &mut value.data {
        let map = Arc::make_mut(map);
        map.insert("later", Span::NONE, probity_value::Value::reference("aws_x.y", "id", Span::NONE));
        map.insert("perhaps", Span::NONE, probity_value::Value::unknown(UnknownKind::Variable, "variable `env` has no value", Span::NONE));
    }
    value
}

fn run(text: &str) -> Result<Value, CelError> {
    let environment = environment();
    let program = environment
        .compile(text, Span::NONE)
        .map_err(|problems| CelError::invalid(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let bindings = Bindings::new()
        .with(&environment, "object", Value::view(&object()).unwrap())
        .with(&environment, "name", Value::from("web"))
        .with(&environment, "items", Value::list(vec![Value::Int(1), Value::Int(2), Value::Int(3)]));
    program.evaluate(&bindings, &mut Budget::new(1_000_000), &Context::bare())
}

fn check(text: &str, expected: &str) {
    let got = run(text).map_or_else(|error| format!("error: {error}"), |value| value.to_string());
    assert_eq!(got, expected, "{text}");
}

#[test]
fn values() {
    check("1 + 2 * 3 - 4 / 2 % 3", "5");
    check("-(-9223372036854775807 - 1)", "error: integer overflow");
    check("-9223372036854775808", "-9223372036854775808");
    check("1u - 2u", "error: unsigned integer overflow");
    check("'a' + 'b' == \"ab\" ? 1 : 2", "1");
    check("[1, 2] + [3]", "[1, 2, 3]");
    check("{'a': 1}.a + {1: 2}[1]", "3");
    check("!true || !!true", "true");
    check("1 < 2.5 && 3u > 2", "true");
    check("2 in [1, 2] && 'a' in {'a': 1}", "true");
    check("type(1) == int && type([]) == list && type(type) == type", "true");
    check("b'abc'.size() + size('äö')", "5");
    check("1e6", "1e+06");
    check("string(0.000001) + string(123456.0) + string(1.0)", "\"1e-061234561\"");
    check("'abc'.matches('^a.c$') && matches('x', '[xyz]')", "true");
    check("duration('90m') > duration('1h') ? string(duration('1h30m')) : ''", "\"5400s\"");
    check("timestamp('2024-02-29T12:30:00Z') + duration('24h')", "2024-03-01T12:30:00Z");
    check("timestamp('2024-02-29T12:30:00Z').getHours('Europe/Berlin')", "13");
    check("timestamp('2024-02-29T12:30:00Z').getMinutes('-02:15')", "15");
    check("timestamp('2024-02-29T12:30:00Z') - timestamp('2024-02-29T12:00:00Z')", "1800s");
    check("int('12') + int(3.9) + int(4u)", "19");
    check("uint('12') + uint(3)", "15u");
    check("double('1.5') + double(2)", "3.5");
    check("bool('true') && !bool('0')", "true");
    check("string(b'abc') + string(1) + string(true)", "\"abc1true\"");
    check("1 / 0", "error: division by zero");
    check("[1][1]", "error: index out of bounds: 1");
    check("{'a': 1}['b']", "error: no such key: b");
    check("dyn(1) + dyn('a')", "error: no such overload: _+_ applied to (int, string)");
    check("{1: 'a', 1u: 'b'}", "error: failed with repeated key: 1");
}

#[test]
fn objects() {
    check("object.metadata.name", "\"web\"");
    check("object.spec.replicas + 1", "4");
    check("object.spec.ratio", "0.5");
    check("object.spec.none == null", "true");
    check("object.metadata.labels['tier.kubernetes.io/x']", "\"front\"");
    check("object.metadata.labels.`tier.kubernetes.io/x`", "\"front\"");
    check("object.spec.containers.all(c, c.image.contains(':'))", "false");
    check("object.spec.containers.exists(c, c.name == 'b')", "true");
    check("object.spec.containers.filter(c, has(c.ports)).map(c, c.name)", "[\"a\"]");
    check("object.spec.containers.exists_one(c, c.name == name)", "false");
    check("object.spec.containers.map(c, has(c.ports), c.ports[0])", "[80]");
    check("object.spec.containers.all(i, c, i < 2 && c.name != '')", "true");
    check("object.metadata.labels.transformMap(k, v, k.startsWith('a'), v + '!')", "{\"app\": \"web!\"}");
    check("object.metadata.labels.transformMapEntry(k, v, {v: k})", "{\"web\": \"app\", \"front\": \"tier.kubernetes.io/x\"}");
    check("object.metadata.labels.transformList(k, v, v)", "[\"web\", \"front\"]");
    check("has(object.metadata.annotations)", "false");
    check("has(object.metadata.name) && !has(object.spec.missing)", "true");
    check("object.missing", "error: no such key: missing");
    check("object.metadata.name.first", "error: no such overload: type 'string' does not support field selection");
    check("object.?spec.?missing.orValue('x')", "\"x\"");
    check("object.?spec.replicas", "optional.of(3)");
    check("object.metadata.?labels[?'app'].optMap(v, v + '!').value()", "\"web!\"");
    check("[?object.?x, 1]", "[1]");
    check("{?'a': object.?x, 'b': 1}", "{\"b\": 1}");
    check("optional.none().or(optional.of(1)).orValue(2)", "1");
    check("cel.bind(x, object.spec.replicas, x * x)", "9");
    check("cel.bind(x, 1 / 0, true)", "true");
    check("size(object.spec.containers)", "2");
}

#[test]
fn absorption() {
    check("true || 1 / 0 == 1", "true");
    check("1 / 0 == 1 || true", "true");
    check("1 / 0 == 1 && false", "false");
    check("1 / 0 == 1 && true", "error: division by zero");
    check("[0, 1].exists(x, 1 / x == 1)", "true");
    check("[0, 2].exists(x, 1 / x == 1)", "error: division by zero");
    check("[0, 1].all(x, 1 / x == 2)", "false");
    check("true ? 1 : 1 / 0", "1");
    check("object.perhaps == 'x' || true", "true");
    check("object.perhaps == 'x' && false", "false");
    check("object.perhaps == 'x' && 1 / 0 == 1", "error: variable `env` has no value");
    check("has(object.later)", "true");
    check("has(object.perhaps)", "error: variable `env` has no value");
    check("'perhaps' in object", "error: variable `env` has no value");
    check("[object.spec.replicas, 4].exists(x, x == 3)", "true");
    let error = run("object.later.startsWith('x')").unwrap_err();
    assert!(error.is_unknown());
    assert!(matches!(error.kind(), ErrorKind::Unknown(unknown) if unknown.set));
}

fn problems(environment: &Environment, text: &str) -> Vec<String> {
    match environment.compile(text, Span::NONE) {
        Ok(program) => vec![format!("ok: {}", program.output())],
        Err(problems) => problems.iter().map(|found| format!("{}:{}: {}", found.line, found.column, found.message)).collect(),
    }
}

#[derive(Debug)]
struct Pods;

impl TypeProvider for Pods {
    fn known(&self, type_name: &str) -> bool {
        matches!(type_name, "Pod" | "PodSpec")
    }

    fn field(&self, type_name: &str, field: &str) -> Option<Type> {
        Some(match (type_name, field) {
            ("Pod", "spec") => Type::object("PodSpec"),
            ("PodSpec", "hostNetwork") => Type::Bool,
            ("PodSpec", "names") => Type::list(Type::String),
            _ => return None,
        })
    }
}

#[test]
fn types() {
    let environment = environment().types(Arc::new(Pods)).variable("pod", Type::object("Pod"));
    let check = |text: &str, expected: &str| assert_eq!(problems(&environment, text).join("; "), expected, "{text}");
    check("1 + 2", "ok: int");
    check("items.map(x, string(x))", "ok: list(string)");
    check("items.map(x, [x]).filter(y, y.size() > 0)", "ok: list(list(int))");
    check("[]", "ok: list(dyn)");
    check("[1, 'a']", "ok: list(dyn)");
    check("{'a': [1]}", "ok: map(string, list(int))");
    check("object.a.b", "ok: dyn");
    check("object.?a", "ok: optional_type(dyn)");
    check("optional.of(1).orValue(2)", "ok: int");
    check("type(1)", "ok: type(int)");
    check("pod.spec.hostNetwork", "ok: bool");
    check("pod.spec.names.all(n, n != '')", "ok: bool");
    check("true ? [1] : []", "ok: list(int)");
    check("Pod{spec: PodSpec{hostNetwork: true}}", "ok: Pod");
    check("google.protobuf.Int64Value{value: 1} == null", "ok: bool");
    check("x", "1:1: undeclared reference to 'x' (in container '')");
    check("1 +\n 'a'", "1:1: found no matching overload for '_+_' applied to '(int, string)'");
    check("name.size('a')", "1:1: found no matching overload for 'size' applied to 'string.(string)'");
    check("name.foo()", "1:1: undeclared reference to 'foo' (in container '')");
    check("pod.spec.foo", "1:1: undefined field 'foo'");
    check("name.foo", "1:1: type 'string' does not support field selection");
    check("name.all(x, true)", "1:1: expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)");
    check("items.all(x, x)", "1:1: found no matching overload for '_&&_' applied to '(bool, int)'");
    check("PodSpec{hostNetwork: 'x'}", "1:9: expected type of field 'hostNetwork' is 'bool' but provided type is 'string'");
    check("PodSpec{foo: 1}", "1:9: undefined field 'foo'");
    check("1 && true", "1:1: found no matching overload for '_&&_' applied to '(int, bool)'");
    check("a && b", "1:1: undeclared reference to 'a' (in container ''); 1:6: undeclared reference to 'b' (in container '')");
    let strict = environment.clone().homogeneous_literals(true);
    let check = |text: &str, expected: &str| assert_eq!(problems(&strict, text).join("; "), expected, "{text}");
    check("[1, 'a']", "1:5: expected type 'int' but found 'string'");
    check("{'a': 1, 'b': 'x'}", "1:15: expected type 'int' but found 'string'");
    check("name.matches('a(')", "1:14: invalid matches argument: error parsing regexp: unclosed group: `a(`");
    check("duration('x') == duration('1s')", "1:10: invalid duration argument: `x` is no duration");
}

#[test]
fn syntax() {
    let environment = environment();
    let check = |text: &str, expected: &str| assert_eq!(problems(&environment, text).join("; "), expected, "{text}");
    check("", "1:1: syntax error: unexpected the end, expecting an expression");
    check("1 +", "1:4: syntax error: unexpected the end, expecting an expression");
    check("a b", "1:3: syntax error: unexpected 'b', expecting an operator or the end");
    check("[1,, 2]", "1:4: syntax error: unexpected ',', expecting an expression");
    check("f(", "1:3: syntax error: unexpected the end, expecting an expression");
    check("'a", "1:1: a string has no end");
    check("while", "1:1: reserved identifier: while");
    check("has(name)", "1:5: invalid argument to has() macro");
    check("items.all(1, true)", "1:11: argument must be a simple name");
    check("99999999999999999999", "1:1: invalid int literal");
    let deep = format!("{}1{}", "(".repeat(300), ")".repeat(300));
    check(&deep, "1:251: expression recursion limit exceeded: 250");
    let chain = format!("1{}", " + 1".repeat(300));
    assert!(problems(&environment, &chain).join("").contains("recursion limit exceeded"));
    let wide = vec!["true"; 2_000].join(" && ");
    check(&wide, "ok: bool");
    check(&"!".repeat(10_000), "1:10001: syntax error: unexpected the end, expecting an expression");
    assert!(problems(&environment, &"x".repeat(200_000)).join("").contains("size exceeds limit"));
    assert!(matches!(environment.compile("1 +", Span::NONE), Err(found) if found[0].kind == ProblemKind::Syntax));
}

#[test]
fn places() {
    let file = FileId(7);
    let text = "1 +\n  nope";
    let problems = environment().compile(text, Span::new(file, 100..100 + text.len())).unwrap_err();
    assert_eq!((problems[0].line, problems[0].column), (2, 3));
    assert_eq!(problems[0].span, Span::new(file, 106..110));
    let error = run("1 + 2 / (3 - 3)").unwrap_err();
    assert_eq!(error.at(), Some((4, 15)));
}

fn cost(text: &str) -> u64 {
    let environment = environment();
    let program = environment.compile(text, Span::NONE).unwrap();
    let bindings = Bindings::new()
        .with(&environment, "object", Value::view(&object()).unwrap())
        .with(&environment, "name", Value::from("0123456789012345678901234"))
        .with(&environment, "items", Value::list(vec![Value::Int(1), Value::Int(2)]));
    let mut budget = Budget::new(u64::MAX);
    let _ = program.evaluate(&bindings, &mut budget, &Context::bare());
    budget.spent()
}

#[test]
fn costs() {
    // The figures are cel-go's, with presence tests free as in Kubernetes.
    let check = |text: &str, expected: u64| assert_eq!(cost(text), expected, "{text}");
    check("'Hello'", 0);
    check("name", 1);
    check("object.spec", 2);
    check("object.spec.replicas", 3);
    check("object['spec']", 2);
    check("items[3-3]", 3);
    check("has(object.spec)", 1);
    check("has(object.spec.replicas)", 2);
    check("[name]", 11);
    check("{'a': name}", 31);
    check("name.matches('[0-9]')", 1 + 3 * 2);
    check("name.startsWith('012')", 1 + 3);
    check("name.contains('0123')", 1 + 3);
    check("name == name", 2 + 3);
    check("name + 'x'", 1 + 3);
    check("1 in items", 1 + 2);
    check("true && false", 0);
    check("true ? 1 : 2", 0);
    check("1 + 2", 1);
    // Each turn: the condition (2), the term.
    check("items.all(x, true)", 1 + 2 * (1 + 1 + 1) + 1);
}

#[test]
fn limits() {
    let environment = environment();
    let evaluate = |text: &str, limit: u64| {
        let program = environment.compile(text, Span::NONE).unwrap();
        program.evaluate(&Bindings::new(), &mut Budget::new(limit), &Context::bare())
    };
    let error = evaluate("[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, a + b + c > 0)))", 1_000);
    let error = error.unwrap_err();
    assert!(error.is_limit(), "{error}");
    // A limit is not absorbed.
    assert!(evaluate("[1,2,3,4,5,6,7,8,9].all(a, [1,2,3].exists(b, a + b > 100)) || true", 5).unwrap_err().is_limit());
    // Doubling text ends at the limit of memory or cost.
    let mut text = "v30".to_owned();
    for level in (0..30).rev() {
        text = format!("cel.bind(v{}, v{level} + v{level}, {text})", level + 1);
    }
    let text = format!("cel.bind(v0, 'x'.matches('x') ? 'xxxxxxxxxxxxxxxxxxxxxxxx' : '', {text})");
    assert!(evaluate(&text, u64::MAX).unwrap_err().is_limit());
    let interrupted = Context { interrupted: &|| true, ..Context::bare() };
    let program = environment
        .compile(
            "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3].all(d, true))))",
            Span::NONE,
        )
        .unwrap();
    assert!(program.evaluate(&Bindings::new(), &mut Budget::new(u64::MAX), &interrupted).unwrap_err().is_limit());
}

/// Computes a variable from others, when it is asked for.
struct Lazy {
    doubled: probity_cel::Program,
    object: Value,
}

impl Activation for Lazy {
    fn variable(&self, _: usize, name: &str, call: &mut Call<'_>) -> Result<Option<Value>, CelError> {
        match name {
            "object" => Ok(Some(self.object.clone())),
            "variables.doubled" => self.doubled.evaluate(self, call.budget, call.context).map(Some),
            "variables.self" => self.variable(0, name, call),
            _ => Ok(None),
        }
    }
}

#[test]
fn lazy_variables() {
    let environment = environment().variable("variables.doubled", Type::Int).variable("variables", Type::Dyn);
    let lazy =
        Lazy { doubled: environment.compile("object.spec.replicas * 2", Span::NONE).unwrap(), object: Value::view(&object()).unwrap() };
    let program = environment.compile("variables.doubled + 1", Span::NONE).unwrap();
    assert_eq!(program.output(), &Type::Int);
    let mut budget = Budget::new(100);
    assert_eq!(program.evaluate(&lazy, &mut budget, &Context::bare()).unwrap(), Value::Int(7));
    assert!(budget.spent() > 5);
    let program = environment.compile("variables.other", Span::NONE).unwrap();
    assert!(program.evaluate(&lazy, &mut budget, &Context::bare()).is_err());
}

#[test]
fn data_keeps_its_places() {
    let spec = run("object.spec").unwrap().to_data(Span::NONE).unwrap();
    assert!(!spec.span.is_none() || spec.get("replicas").is_some_and(|value| !value.span.is_none()));
    let made = run("{'a': [1, 2u, 1.5, 'x', b'x', null], 'b': object.metadata}").unwrap().to_data(Span::NONE).unwrap();
    assert_eq!(
        json::write(&made).unwrap().replace(char::is_whitespace, ""),
        r#"{"a":[1,2,1.5,"x","eA==",null],"b":{"labels":{"app":"web","tier.kubernetes.io/x":"front"},"name":"web"}}"#
    );
    assert!(run("type(1)").unwrap().to_data(Span::NONE).is_err());
}

#[test]
fn programs_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&environment().compile("1", Span::NONE).unwrap());
}

/// Computes itself for ever.
struct Endless(probity_cel::Program);

impl Activation for Endless {
    fn variable(&self, _: usize, _: &str, call: &mut Call<'_>) -> Result<Option<Value>, CelError> {
        self.0.evaluate(self, call.budget, call.context).map(Some)
    }
}

#[test]
fn the_deepest_expressions_fit_a_small_stack() {
    let deep = || {
        let environment = environment();
        let nested = |open: &str, inner: &str, close: &str, count: usize| format!("{}{inner}{}", open.repeat(count), close.repeat(count));
        let texts = [
            nested("(", "1", ")", 240),
            nested("[", "1", "]", 240),
            nested("{1:", "1", "}", 240),
            nested("-(", "1", ")", 120),
            nested("dyn(", "1", ")", 120),
            nested("[1].all(x, ", "true", ")", 60),
            nested("cel.bind(x, ", "1", ", x)", 60),
            nested("true ? ", "1", " : 1", 1),
            format!("1{}", " + 1".repeat(240)),
            format!("object{}", ".a".repeat(240)),
            format!("object{}", "[0]".repeat(240)),
            format!("[1]{}", ".map(x, x)".repeat(60)),
            nested("true ? 1 : ", "1", "", 240),
        ];
        for text in texts {
            let program = environment.compile(&text, Span::NONE).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
            let bindings = Bindings::new().with(&environment, "object", Value::map([]));
            let _ = program.evaluate(&bindings, &mut Budget::new(1_000_000), &Context::bare());
        }
        let endless = Endless(environment.compile("items[0] + 1", Span::NONE).unwrap());
        assert!(endless.0.evaluate(&endless, &mut Budget::new(1_000_000), &Context::bare()).unwrap_err().is_limit());
    };
    std::thread::Builder::new().stack_size(1 << 21).spawn(deep).unwrap().join().unwrap();
}
