//! Any text as an expression: read, checked and evaluated within its limits, checked or not.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_cel::{Bindings, Budget, Context, Environment, Type, Value, macros};
use probity_core::Limits;
use probity_value::{FileId, Span, json};

static ENVIRONMENTS: LazyLock<[Environment; 2]> = LazyLock::new(|| {
    let declared = |environment: Environment| {
        environment
            .library(&macros::BINDINGS)
            .library(&macros::BLOCKS)
            .variable("object", Type::Dyn)
            .variable("name", Type::String)
            .variable("items", Type::list(Type::Int))
            .variable("labels", Type::map(Type::String, Type::String))
    };
    [declared(Environment::kubernetes()), declared(Environment::kyverno())]
});

fuzz_target!(|text: &str| {
    let (object, _) = json::parse(
        r#"{"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"replicas": 3, "ratio": 0.5, "containers": [{"name": "a", "image": "nginx:1"}]}}"#,
        FileId(0),
    );
    let Ok(object) = Value::view(&object) else { return };
    let limits = Limits { bytes: 16 << 20, ..Limits::default() };
    let context = Context { limits, ..Context::bare() };
    for environment in ENVIRONMENTS.iter() {
        let bindings = Bindings::new()
            .with(environment, "object", object.clone())
            .with(environment, "name", Value::from("web"))
            .with(environment, "items", Value::list(vec![Value::Int(1), Value::Int(2), Value::Int(3)]))
            .with(environment, "labels", Value::map([("app".into(), Value::from("web"))]));
        for program in [environment.compile(text, Span::NONE), environment.compile_unchecked(text, Span::NONE)].into_iter().flatten() {
            let mut budget = Budget::new(100_000);
            let first = program.evaluate(&bindings, &mut budget, &context);
            // The same inputs give the same answer at the same cost.
            let mut again = Budget::new(100_000);
            let second = program.evaluate(&bindings, &mut again, &context);
            assert_eq!(budget.spent(), again.spent(), "{text}");
            assert_eq!(
                first.map_err(|error| error.to_string()).map(|value| value.to_string()),
                second.map_err(|error| error.to_string()).map(|value| value.to_string()),
                "{text}"
            );
        }
    }
});
