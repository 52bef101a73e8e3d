//! Templates whose code is CEL (`K8sNativeValidation`), as Gatekeeper runs it: a ValidatingAdmissionPolicy without bindings.

use std::sync::Arc;

use probity_cel::admission::{Composition, Declarations, Scope, declare, request_data};
use probity_cel::{Budget, CelError, Context, Environment, Problem, Program, Type};
use probity_core::{Operation, Request};
use probity_value::{Map, SourceMap, Span, Value};

use crate::embedded::Embedded;
use crate::judge::{Judgement, Means, Violation};
use crate::read::{self, Fault};
use crate::review::Review;

const CODE: &str = "gatekeeper-cel";

/// What the API server lets the expressions of one policy cost.
const COST: u64 = 1_000_000;

/// Messages that are longer fall back to the fixed one.
const MAX_MESSAGE: usize = 5 * 1024;

/// No name may begin with it.
const RESERVED: &str = "gatekeeper_internal_";

/// Compiled CEL of a template.
#[derive(Debug)]
pub(crate) struct CelCode {
    composition: Composition,
    conditions: Vec<Condition>,
    validations: Vec<Validation>,
    /// Whether errors count for nothing (`failurePolicy: Ignore`).
    ignore: bool,
}

/// An expression; one that does not compile fails whenever it is asked.
#[derive(Debug)]
struct Expression {
    text: Arc<str>,
    program: Result<Program, String>,
    at: Span,
}

#[derive(Debug)]
struct Condition {
    name: Arc<str>,
    expression: Expression,
}

#[derive(Debug)]
struct Validation {
    expression: Expression,
    message: Arc<str>,
    message_expression: Option<Expression>,
}

impl CelCode {
    /// Reads and compiles the `source` of the code.
    pub(crate) fn read(source: &Map, at: Span, sources: &SourceMap, warnings: &mut Vec<Fault>) -> Result<CelCode, Vec<Fault>> {
        Reader { sources, warnings }.code(source, at).map_err(|fault| vec![fault])
    }

    /// What the template says of a review.
    pub(crate) fn judge(&self, review: &Review<'_>, constraint: &Value, means: &Means<'_>) -> Judgement {
        let request = review.request();
        let context = Context::of(means.context);
        let mut run =
            Run { code: self, context: &context, budget: Budget::new(COST.min(means.context.limits.cel_cost)), out: Judgement::default() };
        let parameters = read::at_path(constraint, &["spec", "parameters"]);
        let mut scope = Scope::new(&self.composition, &request)
            .with("variables.params", parameters.map_or(Ok(probity_cel::Value::Null), probity_cel::Value::view))
            .with("variables.anyObject", probity_cel::Value::view(any_object(&request)));
        if review.operation.is_none() {
            scope = scope.with("request", without_operation(&request));
        }
        run.all(&scope);
        run.out
    }
}

/// `variables.anyObject`: the object, on deletion the old one.
fn any_object(request: &Request) -> &Value {
    if request.operation == Operation::Delete && request.object.is_null() { &request.old_object } else { &request.object }
}

/// The request of a lone object, where nothing is done.
fn without_operation(request: &Request) -> Result<probity_cel::Value, CelError> {
    let mut data = request_data(request, None);
    if let probity_value::Data::Map(map) = &mut data.data {
        Arc::make_mut(map).insert("operation", Span::NONE, Value::string("", Span::NONE));
    }
    probity_cel::Value::view(&data)
}

/// One evaluation.
struct Run<'a> {
    code: &'a CelCode,
    context: &'a Context<'a>,
    budget: Budget,
    out: Judgement,
}

impl Run<'_> {
    fn all(&mut self, scope: &Scope<'_>) {
        if self.conditions(scope) {
            for validation in &self.code.validations {
                self.validation(validation, scope);
            }
        }
        self.out.cost = self.budget.spent();
    }

    /// Whether all conditions hold. One that is false decides before one that fails.
    fn conditions(&mut self, scope: &Scope<'_>) -> bool {
        let mut failed = None;
        for condition in &self.code.conditions {
            match self.evaluate(&condition.expression, scope) {
                Ok(probity_cel::Value::Bool(true)) => {}
                Ok(_) => {
                    self.out.skipped = Some(format!("the match condition `{}` does not hold", condition.name));
                    return false;
                }
                Err(error) => {
                    failed.get_or_insert((error, condition));
                }
            }
        }
        match failed {
            None => true,
            Some((error, condition)) => {
                self.fail(error, &condition.expression);
                false
            }
        }
    }

    fn validation(&mut self, validation: &Validation, scope: &Scope<'_>) {
        match self.evaluate(&validation.expression, scope) {
            Ok(probity_cel::Value::Bool(true)) => {}
            Ok(_) => {
                let message = self.message(validation, scope);
                self.out.add(Violation { message, details: Value::null(Span::NONE), at: Span::NONE });
            }
            Err(error) => self.fail(error, &validation.expression),
        }
    }

    fn evaluate(&mut self, expression: &Expression, scope: &Scope<'_>) -> Result<probity_cel::Value, CelError> {
        match &expression.program {
            Ok(program) => scope.evaluate(program, &mut self.budget, self.context),
            Err(why) => Err(CelError::invalid(format!("compilation error: {why}"))),
        }
    }

    /// What the failure policy makes of an error. What is unknown stays unknown.
    fn fail(&mut self, error: CelError, expression: &Expression) {
        if error.is_unknown() {
            self.out.unknown.get_or_insert_with(|| error.message().to_owned());
            return;
        }
        let text = expression.text.trim();
        let message = match &expression.program {
            Ok(_) => format!("expression '{text}' resulted in error: {}", error.message()),
            Err(_) => error.message().to_owned(),
        };
        let broken = expression.program.is_err();
        if self.code.ignore && !broken { self.out.ignored.push(message) } else { self.out.fail(message, expression.at) }
    }

    /// The message of a failure: computed, given, or made of the expression.
    fn message(&mut self, validation: &Validation, scope: &Scope<'_>) -> String {
        let computed = validation.message_expression.as_ref().and_then(|expression| self.evaluate(expression, scope).ok());
        let computed = computed.as_ref().and_then(probity_cel::Value::as_str).map(str::trim);
        let computed = computed.filter(|text| !text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n'));
        match computed {
            Some(text) => text.to_owned(),
            None if !validation.message.trim().is_empty() => validation.message.trim().to_owned(),
            None => format!("failed expression: {}", validation.expression.text.trim()),
        }
    }
}

/// Reads a source.
struct Reader<'a> {
    sources: &'a SourceMap,
    warnings: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn code(mut self, source: &Map, at: Span) -> Result<CelCode, Fault> {
        let mut composition = Composition::new(declare(Environment::kubernetes(), &Declarations::default()));
        composition.given("anyObject", Type::Dyn);
        composition.given("params", Type::Dyn);
        let (conditions, validations, ignore) = self.parts(source, at, &mut composition)?;
        Ok(CelCode { composition, conditions, validations, ignore })
    }

    fn parts(&mut self, source: &Map, at: Span, composition: &mut Composition) -> Result<(Vec<Condition>, Vec<Validation>, bool), Fault> {
        let known = ["validations", "failurePolicy", "matchCondition", "variables", "generateVAP"];
        for (key, entry) in source.iter().filter(|(key, _)| !known.contains(&&***key)) {
            let mut fault = Fault::new(CODE, entry.key, format!("`{key}` is not known in CEL code and says nothing"));
            if **key == *"matchConditions" {
                fault = fault.hint("Gatekeeper calls it `matchCondition`");
            }
            self.warnings.push(fault);
        }
        let ignore = match source.get("failurePolicy").filter(|value| !value.is_null()) {
            None => false,
            Some(value) => match &**read::text(value, "failurePolicy", CODE)? {
                "Fail" => false,
                "Ignore" => true,
                other => return Err(Fault::new(CODE, value.span, format!("the failure policy `{other}` is none of `Fail`, `Ignore`"))),
            },
        };
        for (variable, _) in self.items(source, "variables")? {
            let name = text_of(variable, "name")?;
            if name.starts_with(RESERVED) || matches!(&*name, "params" | "anyObject") {
                let at = variable.get("name").map_or(at, |name| name.span);
                return Err(Fault::new(CODE, at, format!("a variable may not be named `{name}`, which is reserved")));
            }
            let Some((text, embedded)) = self.expression(variable, "expression")? else { continue };
            if let Err(problems) = composition.variable(&name, &text, embedded.whole()) {
                self.say(&problems, &embedded, &format!("the variable `{name}`"));
            }
        }
        let mut conditions = Vec::new();
        for (condition, at) in self.items(source, "matchCondition")? {
            let name = text_of(condition, "name")?;
            if name.starts_with(RESERVED) {
                return Err(Fault::new(CODE, at, format!("a match condition may not be named `{name}`, which is reserved")));
            }
            let expression = self.compiled(condition, "expression", composition, &format!("the match condition `{name}`"))?;
            let expression = expression.ok_or_else(|| Fault::new(CODE, at, format!("the match condition `{name}` has no `expression`")))?;
            conditions.push(Condition { name, expression });
        }
        let mut validations = Vec::new();
        for (validation, at) in self.items(source, "validations")? {
            let expression = self.compiled(validation, "expression", composition, "the validation")?;
            let expression = expression.ok_or_else(|| Fault::new(CODE, at, "a validation has no `expression`"))?;
            validations.push(Validation {
                expression,
                message: text_of(validation, "message")?,
                message_expression: self.compiled(validation, "messageExpression", composition, "the message expression")?,
            });
        }
        if validations.is_empty() {
            self.warnings.push(Fault::new(CODE, at, "the code has no validations and refuses nothing"));
        }
        Ok((conditions, validations, ignore))
    }

    fn items<'v>(&self, source: &'v Map, name: &str) -> Result<Vec<(&'v Map, Span)>, Fault> {
        let Some(value) = source.get(name).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
        read::list(value, name, CODE)?.iter().map(|item| Ok((read::map(item, name, CODE)?, item.span))).collect()
    }

    fn expression(&self, map: &Map, name: &str) -> Result<Option<(Arc<str>, Embedded)>, Fault> {
        let Some(value) = map.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let text = read::text(value, name, CODE)?;
        Ok((!text.is_empty()).then(|| (Arc::clone(text), Embedded::of(value, self.sources))))
    }

    /// Compiles an expression. One that is wrong is said, and fails whenever it is asked, as in Gatekeeper.
    fn compiled(&mut self, map: &Map, name: &str, composition: &Composition, what: &str) -> Result<Option<Expression>, Fault> {
        let Some((text, embedded)) = self.expression(map, name)? else { return Ok(None) };
        let program = composition.compile(&text, embedded.whole()).map_err(|problems| {
            self.say(&problems, &embedded, what);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        });
        Ok(Some(Expression { text, program, at: embedded.whole() }))
    }

    fn say(&mut self, problems: &[Problem], embedded: &Embedded, what: &str) {
        for problem in problems {
            let at = embedded.span(problem.at.0, problem.at.1);
            self.warnings.push(Fault::new(CODE, at, format!("{what} cannot be compiled: {}", problem.message)).error());
        }
    }
}

fn text_of(map: &Map, name: &str) -> Result<Arc<str>, Fault> {
    match map.get(name).filter(|value| !value.is_null()) {
        None => Ok("".into()),
        Some(value) => read::text(value, name, CODE).cloned(),
    }
}
