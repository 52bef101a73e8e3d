//! The language through the public interface.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use probity_core::{Limits, Timestamp};
use probity_rego::{Compiler, ErrorCode, EvalOptions, Evaluation, Program, RuleKind, Term, Version};
use probity_value::{FileId, SourceMap, Value};

fn options() -> EvalOptions<'static> {
    EvalOptions { now: Timestamp { seconds: 1_700_000_000, nanoseconds: 0 }, ..EvalOptions::default() }
}

fn compiled(text: &str, version: Version) -> Result<Program, String> {
    Compiler::new().prints().module("test.rego", format!("package t\n{text}"), FileId(0), version).compile().map_err(|problems| {
        let problem = problems.first().unwrap();
        format!("{}: {}", problem.code, problem.message)
    })
}

fn input() -> Value {
    let text = r#"{"x": 3, "name": "a", "list": [1, 2, 3], "map": {"k": "v", "l": "w"}, "flag": false, "nested": [{"id": 1}, {"id": 2}]}"#;
    probity_value::json::parse(text, FileId(9)).0
}

fn evaluated(program: &Program, query: &str) -> Result<Evaluation, String> {
    let query = program.prepare(query).map_err(|problem| problem.message)?;
    program.evaluate(&query, Some(&input()), None, &options()).map_err(|error| format!("{}: {}", error.code.as_str(), error.message))
}

fn answer(text: &str, version: Version, query: &str) -> String {
    let program = match compiled(text, version) {
        Ok(program) => program,
        Err(message) => return message,
    };
    match evaluated(&program, query) {
        Ok(evaluation) => evaluation.value().map_or_else(|| "undefined".to_owned(), Term::to_json),
        Err(message) => message,
    }
}

/// The value of `p` in a module of v1.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(answer(text, Version::V1, "data.t.p"), expected, "{text}");
}

/// The value of `p` in a module of v0.
#[track_caller]
fn check_v0(text: &str, expected: &str) {
    assert_eq!(answer(text, Version::V0, "data.t.p"), expected, "{text}");
}

#[test]
fn rules_make_values_sets_objects_and_functions() {
    check("p := 1", "1");
    check("default p := 1\np := 2 if input.x > 5", "1");
    check("p if input.x == 3", "true");
    check("p if input.missing", "undefined");
    check("p contains x if some x in input.list", "[1,2,3]");
    check("p[k] := v if some k, v in input.map", r#"{"k":"v","l":"w"}"#);
    check("p[k] contains 1 if some k, _ in input.map", r#"{"k":[1],"l":[1]}"#);
    check("p.a.b := 1\np.a.c := 2\np.d[x] := x if x := \"e\"", r#"{"a":{"b":1,"c":2},"d":{"e":"e"}}"#);
    check("f(x) := x + 1\np := f(input.x)", "4");
    check("f(1, [a, b]) := a + b\np := f(1, [2, 3])", "5");
    check("default f(_) := 0\nf(x) := 1 if x > 5\np := [f(1), f(6)]", "[0,1]");
    check("p := 1 if { false } else := 2 if { true } else := 3", "2");
    check("p := 1\np := 2", "eval_conflict_error: complete rules must not produce multiple outputs");
    check("f(_) := 1\nf(_) := 2\np := f(1)", "eval_conflict_error: functions must not produce multiple outputs for same inputs");
    check("p := {\"a\": x | some x in [1, 2]}", "eval_conflict_error: object keys must be unique");
}

#[test]
fn old_modules_are_read_as_they_are() {
    check_v0("p[x] { x := 1 } { x := 2 }", "[1,2]");
    check_v0("p = x { x := 1 }", "1");
    check_v0("p { true\n(1 + 2) > 2 }", "true");
    check_v0("contains(a, b) { a == b }\np { contains(1, 1) }", "true");
    check_v0("if := 1\np = if", "1");
    check_v0("import future.keywords\np contains x if some x in [1]", "[1]");
    check_v0("f(\"a\", _)\np { f(\"a\", 1) }", "true");
    check_v0("f() = 5\np = f", "5");
    check_v0("import rego.v1\np { true }", "rego-syntax: `if` keyword is required before rule body");
    check("p { true }", "rego-syntax: `if` keyword is required before rule body");
    check("p[x] { x := 1 }", "rego-syntax: `if` keyword is required before rule body");
}

#[test]
fn lines_are_put_in_an_order_that_works() {
    check("p := y if { y = x + 1; x = 2 }", "3");
    check("p := z if { [x, y] = [y, 1]; z = x }", "1");
    check("p := x if { not x == 2; x = [1, 2][_] }", "1");
    check("p := n if { n = count(xs); xs = [1, 2] }", "2");
    check("p if x", "rego-unsafe-var: var `x` is unsafe");
    check("p if not input[_]", "rego-unsafe-var: var `_` is unsafe");
    check("p := y if { x := 1; y = z }", "rego-unsafe-var: var `y` is unsafe");
    check("p if { some x; true }", "rego-compile: declared var `x` unused");
    check("p if { x := 1; x := 2 }", "rego-compile: var `x` assigned above");
    check("p if { y := x; x := 2; y == 1 }", "rego-compile: var `x` referenced above");
}

#[test]
fn values_are_taken_apart() {
    check("p := x if [x, 2] = [1, 2]", "1");
    check("p := [x | {\"id\": x} = input.nested[_]]", "[1,2]");
    check("p := [i | input.nested[i].id == 2]", "[1]");
    check("p := [x | s := {[1, 2], [1, 3], [2, 4]}; s[[1, x]]]", "[2,3]");
    check("p := [k | some k; input.map[k] == \"w\"]", "[\"l\"]");
    check("p if { {\"a\": 1} = {\"a\": 1, \"b\": 2} }", "undefined");
    check("p := r if { [_, r] := [1, 2] }", "2");
    check("p := [[path, value] | walk({\"a\": [1]}, [path, value]); value == 1]", "[[[\"a\",0],1]]");
}

#[test]
fn what_is_undefined_under_not_follows_opa() {
    check("p if not input.missing", "true");
    check("p if not input.missing == 1", "true");
    // Arguments of calls are evaluated beforehand: where they are undefined the line is.
    check("p if not startswith(input.missing, \"a\")", "undefined");
    check("p if not input.missing > 1", "undefined");
    check("p if not input.flag", "true");
    check("q if false\np if not q", "true");
}

#[test]
fn closures_and_every_and_templates() {
    check("p := [y | some x in input.list; y := x * 2]", "[2,4,6]");
    check("p := {x: y | some x, y in [\"a\", \"b\"]}", r#"{"0":"a","1":"b"}"#);
    check("p if every x in input.list { x > 0 }", "true");
    check("p if every i, x in input.list { x == i + 1 }", "true");
    check("p if every x in input.missing { x > 0 }", "undefined");
    check("p := $\"{input.x} {input.missing} {[1, \"a\"]} \\{x}\"", r#""3 <undefined> [1, \"a\"] {x}""#);
    check("p := $`a{1 + 1}`", "\"a2\"");
    check("p := $\"{input.list[_]}\"", "eval_conflict_error: template-strings must not produce multiple outputs");
    check("p := x if { y := 1; x := [z | z := y + input.list[_]] }", "[2,3,4]");
}

#[test]
fn with_replaces_input_data_and_functions() {
    check("p := x if x := input with input as 1", "1");
    check("q := input.x\np := [q, r] if r := q with input.x as 9", "[3,9]");
    check("p := x if x := data.foo.bar with data.foo as {\"bar\": 2}", "2");
    check("q := 1\np := x if x := data.t.q with data.t.q as 5", "5");
    check("p := x if x := count([1]) with count as 7", "7");
    check("f(x) := x\ng(x) := x + 100\nq := f(1)\np := x if x := q with f as g", "101");
    check("p := x if x := time.now_ns() with time.now_ns as 4", "4");
    check(
        "q.r := 1\np := x if x := q.r.s with data.t.q.r.s as 1",
        "rego-compile: with keyword cannot partially replace virtual document(s)",
    );
}

#[test]
fn words_of_the_language_are_names_inside_references() {
    check("contains.if := 1\np := contains.if", "1");
    check("p := input.not", "undefined");
    check("foo.in contains 1\np := foo.in", "[1]");
}

#[test]
fn wrong_programs_are_refused() {
    check("p := q\nq := p", "rego-recursion: rule `data.t.p` is recursive: data.t.p -> data.t.q -> data.t.p");
    check("p := data.t[x] if x := \"q\"", "rego-recursion: rule `data.t.p` is recursive: data.t.p -> data.t.p");
    check("p := undefinedfunction(1)", "rego-type: undefined function `undefinedfunction`");
    check("p := count(1, 2, 3)", "rego-type: function `count` has arity 1, got 3 arguments");
    check("p := 1\np contains 2", "rego-type: conflicting rules `data.t.p` found");
    check("p := 1\np.q := 2", "rego-type: rule `data.t.p` conflicts with a package or rule below it");
    check("p if 1 + \"a\" == 2", "rego-type: plus: argument 2 has to be number, not string");
    check("p if \"a\" == 1", "rego-type: match error: string never equals number");
    check("p if { x := 1; x.foo }", "rego-type: undefined reference: number has no parts");
    check("q := {\"a\": 1}\np := q.b", "rego-type: undefined reference: it leads to nothing that is ever there");
    check("q := {}\np := q.b", "undefined");
    check("p := any([true])", "rego-type: deprecated built-in function calls in expression: any");
    check_v0("p = any([true])", "true");
    check("p if { input := 1; input == 1 }", "rego-compile: variables must not shadow `input` (use a different variable name)");
    check("p := \"abc", "rego-syntax: non-terminated string");
    check("p := 01", "rego-syntax: expected number without leading zeros");
    check("contains := 1", "rego-syntax: `contains` keyword cannot be used for rule name");
}

#[test]
fn what_is_nested_too_deep_or_runs_too_long_ends_in_an_error() {
    let deep = format!("p := {}1{}", "[".repeat(5_000), "]".repeat(5_000));
    check(&deep, "rego-syntax: nested deeper than 160 levels");
    assert!(answer(&format!("p := {}1", "1 + ".repeat(5_000)), Version::V1, "data.t.p").starts_with("rego-syntax"));
    let ambiguous = format!("p := {}1{}", "{x | {".repeat(60), "}}".repeat(60));
    assert!(answer(&ambiguous, Version::V1, "data.t.p").starts_with("rego-syntax"), "{ambiguous}");
    let chain: String = (0..2_000).map(|at| format!("q{at} := q{}\n", at + 1)).collect();
    check(&format!("{chain}q2000 := 1\np := q0"), "eval_internal_error: rules call each other too deep");
    let program = compiled("p := count([1 | numbers.range(1, 10000)[_]; numbers.range(1, 10000)[_]])", Version::V1).unwrap();
    let query = program.prepare("data.t.p").unwrap();
    let few = EvalOptions { limits: Limits { steps: 10_000, ..Limits::default() }, ..options() };
    assert_eq!(program.evaluate(&query, None, None, &few).unwrap_err().code, ErrorCode::Internal);
    let late = EvalOptions { interrupted: &|| true, ..options() };
    assert_eq!(program.evaluate(&query, None, None, &late).unwrap_err().code, ErrorCode::Cancelled);
}

#[test]
fn errors_of_builtins_are_undefined_unless_strict() {
    let program = compiled("p := 1 / input.zero if input.zero == 0", Version::V1).unwrap();
    let query = program.prepare("data.t.p").unwrap();
    let (zero, _) = probity_value::json::parse(r#"{"zero": 0}"#, FileId(9));
    assert!(program.evaluate(&query, Some(&zero), None, &options()).unwrap().value().is_none());
    let strict = EvalOptions { strict_builtin_errors: true, ..options() };
    assert_eq!(program.evaluate(&query, Some(&zero), None, &strict).unwrap_err().code, ErrorCode::Builtin);
}

#[test]
fn queries_have_bindings_and_values() {
    let program = compiled("p contains x if some x in input.list", Version::V1).unwrap();
    let evaluation = evaluated(&program, "data.t.p[x]; y = x + 1; y > 2").unwrap();
    let shown: Vec<String> = evaluation
        .solutions
        .iter()
        .map(|solution| solution.bindings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(shown, ["x=2 y=3", "x=3 y=4"]);
    assert_eq!(evaluated(&program, "input.flag").unwrap().value(), Some(&Term::Bool(false)));
    assert_eq!(evaluated(&program, "input.x with input as {\"x\": 8}").unwrap().value(), Some(&Term::int(8)));
}

#[test]
fn answers_know_the_places_they_depend_on() {
    let sources = SourceMap::new();
    let text = "{\n \"containers\": [\n  {\"name\": \"a\"},\n  {\"name\": \"b\",\n   \"privileged\": true}\n ]\n}";
    let id = sources.add("pod.json", text);
    let (pod, _) = probity_value::json::parse(text, id);
    let program = compiled(
        "deny contains msg if { some c in input.containers; c.privileged; msg := sprintf(\"%v\", [c.name]) }
         deny contains msg if { some c in input.containers; not c.privileged; msg := sprintf(\"%v is not\", [c.name]) }",
        Version::V1,
    )
    .unwrap();
    let query = program.prepare("data.t.deny").unwrap();
    let evaluation = program.evaluate(&query, Some(&pod), None, &EvalOptions { places: true, ..options() }).unwrap();
    let line = |member: &str| sources.locate(*evaluation.places_of(&Term::from(member)).first().unwrap()).unwrap().1.line;
    assert_eq!(line("b"), 5);
    assert_eq!(line("a is not"), 3);
}

#[test]
fn prints_and_coverage_are_kept() {
    let program =
        compiled("p if { print(\"x is\", input.x, input.missing); input.x == 3 }\nq if { input.x == 4\ninput.y }", Version::V1).unwrap();
    let query = program.prepare("[data.t.p | true]; data.t.q").unwrap();
    let evaluation = program.evaluate(&query, Some(&input()), None, &EvalOptions { coverage: true, ..options() }).unwrap();
    let texts: Vec<&str> = evaluation.prints.iter().map(|print| print.text.as_str()).collect();
    assert_eq!(texts, ["x is 3 <undefined>"]);
    assert!(evaluation.covered.len() < program.coverable().len());
    assert!(!evaluation.covered.is_empty());
}

#[test]
fn rules_and_annotations_can_be_listed() {
    let text = "# METADATA\n# title: Package\n# custom:\n#   severity: HIGH\npackage a.b\n\n# METADATA\n# title: No root\ndeny contains \"x\" if input.x\n\ntest_it if true\nf(_) := 1\n";
    let program = Compiler::new().module("a.rego", text, FileId(0), Version::V1).compile().unwrap();
    let rules: Vec<(String, RuleKind)> = program.rules().iter().map(|rule| (rule.path(), rule.kind)).collect();
    let expected = [
        ("data.a.b.deny".to_owned(), RuleKind::Set),
        ("data.a.b.test_it".to_owned(), RuleKind::Complete),
        ("data.a.b.f".to_owned(), RuleKind::Function),
    ];
    assert_eq!(rules, expected);
    let shown: Vec<String> = program.rules()[0].annotations.iter().map(Term::to_json).collect();
    assert_eq!(shown, [r#"{"scope":"rule","title":"No root"}"#, r#"{"custom":{"severity":"HIGH"},"scope":"package","title":"Package"}"#]);
}

#[test]
fn programs_are_shared_by_threads() {
    fn shareable<T: Send + Sync>() {}
    shareable::<Program>();
    shareable::<probity_rego::Query>();
}
