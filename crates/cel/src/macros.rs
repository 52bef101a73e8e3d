//! Macros: calls that are replaced by other syntax when the text is read.
//!
//! The shapes are those of cel-go, so that costs and the absorption of errors come out the same.

use std::sync::Arc;

use crate::ast::{Comprehension, Expr, ExprKind, RESULT, operator};
use crate::library::{Expanded, Macro, MacroError};
use crate::{Library, Value};

/// Makes syntax. Everything it makes stands where the macro stands.
#[derive(Debug)]
pub struct Expander<'a> {
    next: &'a mut u32,
    at: (u32, u32),
}

impl<'a> Expander<'a> {
    pub(crate) fn new(next: &'a mut u32, at: (u32, u32)) -> Expander<'a> {
        Expander { next, at }
    }

    /// Where the macro stands.
    #[must_use]
    pub fn at(&self) -> (u32, u32) {
        self.at
    }

    fn expr(&mut self, kind: ExprKind) -> Expr {
        let id = *self.next;
        *self.next = id.wrapping_add(1);
        Expr { id, at: self.at, kind }
    }

    /// A constant.
    pub fn literal(&mut self, value: impl Into<Value>) -> Expr {
        let value = value.into();
        self.expr(ExprKind::Literal(value))
    }

    /// A name.
    pub fn ident(&mut self, name: impl Into<Arc<str>>) -> Expr {
        let name = name.into();
        self.expr(ExprKind::Ident(name))
    }

    /// A call of a function or an operator.
    pub fn call(&mut self, function: &str, args: Vec<Expr>) -> Expr {
        self.expr(ExprKind::Call { function: function.into(), target: None, args })
    }

    /// A call of a member function.
    pub fn member(&mut self, target: Expr, function: &str, args: Vec<Expr>) -> Expr {
        self.expr(ExprKind::Call { function: function.into(), target: Some(Box::new(target)), args })
    }

    /// A list.
    pub fn list(&mut self, items: Vec<Expr>) -> Expr {
        self.expr(ExprKind::List(items.into_iter().map(|item| (item, false)).collect()))
    }

    /// An empty map.
    pub fn empty_map(&mut self) -> Expr {
        self.expr(ExprKind::Map(Vec::new()))
    }

    /// A comprehension.
    pub fn comprehension(&mut self, comprehension: Comprehension) -> Expr {
        self.expr(ExprKind::Comprehension(Box::new(comprehension)))
    }

    /// `result` with `name` bound to the value of `init`, which is computed when it is first asked for.
    pub fn bind(&mut self, name: Arc<str>, init: Expr, result: Expr) -> Expr {
        let range = self.list(Vec::new());
        let condition = self.literal(false);
        let step = self.ident(Arc::clone(&name));
        self.comprehension(Comprehension { range, variable: UNUSED.into(), second: None, accumulator: name, init, condition, step, result })
    }

    /// An error at a place of the text.
    pub fn error(&self, at: (u32, u32), message: impl Into<String>) -> MacroError {
        MacroError { at, message: message.into() }
    }

    /// The name an argument has to be: a plain identifier that does not hide the intermediate result.
    ///
    /// # Errors
    /// It is something else.
    pub fn variable(&self, arg: &Expr) -> Result<Arc<str>, MacroError> {
        match &arg.kind {
            ExprKind::Ident(name) if &**name == RESULT || &**name == "__result__" => {
                Err(self.error(arg.at, "iteration variable overwrites accumulator variable"))
            }
            ExprKind::Ident(name) if !name.starts_with('.') => Ok(Arc::clone(name)),
            _ => Err(self.error(arg.at, "argument must be a simple name")),
        }
    }
}

/// The variable of a comprehension that has none.
pub(crate) const UNUSED: &str = "#unused";

/// `target` if it is the plain name `name`.
fn is_name(target: Option<&Expr>, name: &str) -> bool {
    matches!(target.map(|target| &target.kind), Some(ExprKind::Ident(found)) if **found == *name)
}

/// Exactly `N` arguments.
fn exactly<const N: usize>(expander: &Expander<'_>, args: Vec<Expr>) -> Result<[Expr; N], MacroError> {
    <[Expr; N]>::try_from(args).map_err(|_| expander.error(expander.at(), format!("macro takes {N} arguments")))
}

/// `has(operand.field)`.
fn has(expander: &mut Expander<'_>, _: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    let [arg] = exactly(expander, args)?;
    let at = arg.at;
    match arg.kind {
        ExprKind::Select { operand, field, test: false } => {
            Ok(Expanded::To(expander.expr(ExprKind::Select { operand, field, test: true })))
        }
        _ => Err(expander.error(at, "invalid argument to has() macro")),
    }
}

/// How a quantifier goes over its range.
#[derive(Clone, Copy, PartialEq)]
enum Quantifier {
    All,
    Exists,
    ExistsOne,
}

fn quantifier(
    expander: &mut Expander<'_>,
    target: Option<Expr>,
    variables: (&Expr, Option<&Expr>),
    predicate: Expr,
    kind: Quantifier,
) -> Result<Expanded, MacroError> {
    let Some(range) = target else { return Err(expander.error(expander.at(), "macro needs a receiver")) };
    let variable = expander.variable(variables.0)?;
    let second = variables.1.map(|second| expander.variable(second)).transpose()?;
    if second.as_ref() == Some(&variable) {
        return Err(expander.error(variables.1.map_or(expander.at(), |second| second.at), format!("duplicate variable name: {variable}")));
    }
    let accumulator = |expander: &mut Expander<'_>| expander.ident(RESULT);
    let (init, condition, step, result) = match kind {
        Quantifier::All => {
            let init = expander.literal(true);
            let current = accumulator(expander);
            let condition = expander.call(operator::NOT_STRICTLY_FALSE, vec![current]);
            let current = accumulator(expander);
            let step = expander.call(operator::AND, vec![current, predicate]);
            (init, condition, step, accumulator(expander))
        }
        Quantifier::Exists => {
            let init = expander.literal(false);
            let current = accumulator(expander);
            let not = expander.call(operator::NOT, vec![current]);
            let condition = expander.call(operator::NOT_STRICTLY_FALSE, vec![not]);
            let current = accumulator(expander);
            let step = expander.call(operator::OR, vec![current, predicate]);
            (init, condition, step, accumulator(expander))
        }
        Quantifier::ExistsOne => {
            let init = expander.literal(0_i64);
            let condition = expander.literal(true);
            let (current, one) = (accumulator(expander), expander.literal(1_i64));
            let more = expander.call(operator::ADD, vec![current, one]);
            let current = accumulator(expander);
            let step = expander.call(operator::CONDITIONAL, vec![predicate, more, current]);
            let (current, one) = (accumulator(expander), expander.literal(1_i64));
            (init, condition, step, expander.call(operator::EQUALS, vec![current, one]))
        }
    };
    Ok(Expanded::To(expander.comprehension(Comprehension {
        range,
        variable,
        second,
        accumulator: RESULT.into(),
        init,
        condition,
        step,
        result,
    })))
}

fn quantifier_one(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>, kind: Quantifier) -> Result<Expanded, MacroError> {
    let [variable, predicate] = exactly(expander, args)?;
    quantifier(expander, target, (&variable, None), predicate, kind)
}

fn quantifier_two(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>, kind: Quantifier) -> Result<Expanded, MacroError> {
    let [first, second, predicate] = exactly(expander, args)?;
    quantifier(expander, target, (&first, Some(&second)), predicate, kind)
}

fn all(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    quantifier_one(expander, target, args, Quantifier::All)
}

fn exists(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    quantifier_one(expander, target, args, Quantifier::Exists)
}

fn exists_one(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    quantifier_one(expander, target, args, Quantifier::ExistsOne)
}

fn all_two(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    quantifier_two(expander, target, args, Quantifier::All)
}

fn exists_two(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    quantifier_two(expander, target, args, Quantifier::Exists)
}

fn exists_one_two(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    quantifier_two(expander, target, args, Quantifier::ExistsOne)
}

/// What a transforming macro keeps.
struct Transform {
    variable: Arc<str>,
    second: Option<Arc<str>>,
    filter: Option<Expr>,
    init: Expr,
    /// The next intermediate result where the filter holds.
    step: Expr,
}

fn transform(expander: &mut Expander<'_>, target: Option<Expr>, parts: Transform) -> Result<Expanded, MacroError> {
    let Some(range) = target else { return Err(expander.error(expander.at(), "macro needs a receiver")) };
    let condition = expander.literal(true);
    let step = match parts.filter {
        Some(filter) => {
            let current = expander.ident(RESULT);
            expander.call(operator::CONDITIONAL, vec![filter, parts.step, current])
        }
        None => parts.step,
    };
    let result = expander.ident(RESULT);
    Ok(Expanded::To(expander.comprehension(Comprehension {
        range,
        variable: parts.variable,
        second: parts.second,
        accumulator: RESULT.into(),
        init: parts.init,
        condition,
        step,
        result,
    })))
}

/// `@result + [item]`.
fn append(expander: &mut Expander<'_>, item: Expr) -> Expr {
    let current = expander.ident(RESULT);
    let one = expander.list(vec![item]);
    expander.call(operator::ADD, vec![current, one])
}

fn map(expander: &mut Expander<'_>, target: Option<Expr>, mut args: Vec<Expr>) -> Result<Expanded, MacroError> {
    let item = args.pop();
    let mut args = args.into_iter();
    let (Some(variable), filter, Some(item)) = (args.next(), args.next(), item) else {
        return Err(expander.error(expander.at(), "map() takes two or three arguments"));
    };
    let variable = expander.variable(&variable)?;
    let init = expander.list(Vec::new());
    let step = append(expander, item);
    transform(expander, target, Transform { variable, second: None, filter, init, step })
}

fn filter(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    let [name, predicate] = exactly(expander, args)?;
    let variable = expander.variable(&name)?;
    let init = expander.list(Vec::new());
    let step = append(expander, name);
    transform(expander, target, Transform { variable, second: None, filter: Some(predicate), init, step })
}

/// Two variables, perhaps a filter, and what is made of each.
type Two = (Arc<str>, Arc<str>, Option<Expr>, Expr);

fn two(expander: &Expander<'_>, mut args: Vec<Expr>) -> Result<Two, MacroError> {
    let item = args.pop();
    let mut args = args.into_iter();
    let (Some(first), Some(second), filter, Some(item)) = (args.next(), args.next(), args.next(), item) else {
        return Err(expander.error(expander.at(), "macro takes three or four arguments"));
    };
    let (variable, name) = (expander.variable(&first)?, expander.variable(&second)?);
    if variable == name {
        return Err(expander.error(second.at, format!("duplicate variable name: {name}")));
    }
    Ok((variable, name, filter, item))
}

fn transform_list(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    let (variable, second, filter, item) = two(expander, args)?;
    let init = expander.list(Vec::new());
    let step = append(expander, item);
    transform(expander, target, Transform { variable, second: Some(second), filter, init, step })
}

fn transform_map(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    let (variable, second, filter, item) = two(expander, args)?;
    let init = expander.empty_map();
    let (current, key) = (expander.ident(RESULT), expander.ident(Arc::clone(&variable)));
    let step = expander.call(MAP_INSERT, vec![current, key, item]);
    transform(expander, target, Transform { variable, second: Some(second), filter, init, step })
}

fn transform_map_entry(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    let (variable, second, filter, item) = two(expander, args)?;
    let init = expander.empty_map();
    let current = expander.ident(RESULT);
    let step = expander.call(MAP_INSERT, vec![current, item]);
    transform(expander, target, Transform { variable, second: Some(second), filter, init, step })
}

/// The function that puts entries into a map under construction.
pub(crate) const MAP_INSERT: &str = "cel.@mapInsert";

/// The name an optional is kept under while it is looked at.
const OPTION: &str = "@optional";

fn optional_map(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>, flat: bool) -> Result<Expanded, MacroError> {
    let [name, item] = exactly(expander, args)?;
    let Some(target) = target else { return Err(expander.error(expander.at(), "macro needs a receiver")) };
    let variable = expander.variable(&name)?;
    let option = expander.ident(OPTION);
    let value = expander.member(option, "value", Vec::new());
    let mut some = expander.bind(variable, value, item);
    if !flat {
        some = expander.call("optional.of", vec![some]);
    }
    let option = expander.ident(OPTION);
    let present = expander.member(option, "hasValue", Vec::new());
    let none = expander.call("optional.none", Vec::new());
    let choice = expander.call(operator::CONDITIONAL, vec![present, some, none]);
    Ok(Expanded::To(expander.bind(OPTION.into(), target, choice)))
}

fn opt_map(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    optional_map(expander, target, args, false)
}

fn opt_flat_map(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    optional_map(expander, target, args, true)
}

fn bind(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    if !is_name(target.as_ref(), "cel") {
        return Ok(Expanded::Not(target, args));
    }
    let [name, init, result] = exactly(expander, args)?;
    let variable = match &name.kind {
        ExprKind::Ident(variable) if !variable.starts_with('.') => Arc::clone(variable),
        _ => return Err(expander.error(name.at, "cel.bind() variable names must be simple identifiers")),
    };
    Ok(Expanded::To(expander.bind(variable, init, result)))
}

/// `cel.block([a, b], result)`: `cel.index(0)` is `a`, `cel.index(1)` is `b`, which may use `cel.index(0)`.
fn block(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    if !is_name(target.as_ref(), "cel") {
        return Ok(Expanded::Not(target, args));
    }
    let [bindings, result] = exactly(expander, args)?;
    let at = bindings.at;
    let ExprKind::List(items) = bindings.kind else { return Err(expander.error(at, "cel.block expects a list constructor")) };
    let mut whole = result;
    for (index, (item, optional)) in items.into_iter().enumerate().rev() {
        if optional {
            return Err(expander.error(item.at, "cel.block expects no optional entries"));
        }
        whole = expander.bind(format!("@index{index}").into(), item, whole);
    }
    Ok(Expanded::To(whole))
}

/// The whole numbers that name a variable of a block.
fn numbers(expander: &Expander<'_>, args: &[Expr]) -> Result<Vec<i64>, MacroError> {
    args.iter()
        .map(|arg| match &arg.kind {
            ExprKind::Literal(Value::Int(number)) if *number >= 0 => Ok(*number),
            _ => Err(expander.error(arg.at, "a whole number that is not negative is expected")),
        })
        .collect()
}

fn block_variable(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>, prefix: &str) -> Result<Expanded, MacroError> {
    if !is_name(target.as_ref(), "cel") {
        return Ok(Expanded::Not(target, args));
    }
    let name = numbers(expander, &args)?.iter().map(i64::to_string).collect::<Vec<_>>().join(":");
    Ok(Expanded::To(expander.ident(format!("{prefix}{name}"))))
}

fn block_index(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    block_variable(expander, target, args, "@index")
}

fn block_iteration(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    block_variable(expander, target, args, "@it:")
}

fn block_accumulator(expander: &mut Expander<'_>, target: Option<Expr>, args: Vec<Expr>) -> Result<Expanded, MacroError> {
    block_variable(expander, target, args, "@ac:")
}

const fn receiver(name: &'static str, arguments: usize, expand: crate::library::Expand) -> Macro {
    Macro { name, receiver: true, arguments: Some(arguments), expand }
}

/// The macros every environment has.
pub static STANDARD: &[Macro] = &[
    Macro { name: "has", receiver: false, arguments: Some(1), expand: has },
    receiver("all", 2, all),
    receiver("exists", 2, exists),
    receiver("exists_one", 2, exists_one),
    receiver("existsOne", 2, exists_one),
    receiver("map", 2, map),
    receiver("map", 3, map),
    receiver("filter", 2, filter),
];

/// The macros of optional values.
pub static OPTIONALS: &[Macro] = &[receiver("optMap", 2, opt_map), receiver("optFlatMap", 2, opt_flat_map)];

/// Comprehensions over index and item, or key and value.
pub static TWO_VARIABLES: Library = Library::new("comprehensions", &[]).with_macros(&[
    receiver("all", 3, all_two),
    receiver("exists", 3, exists_two),
    receiver("exists_one", 3, exists_one_two),
    receiver("existsOne", 3, exists_one_two),
    receiver("transformList", 3, transform_list),
    receiver("transformList", 4, transform_list),
    receiver("transformMap", 3, transform_map),
    receiver("transformMap", 4, transform_map),
    receiver("transformMapEntry", 3, transform_map_entry),
    receiver("transformMapEntry", 4, transform_map_entry),
]);

/// `cel.bind`.
pub static BINDINGS: Library = Library::new("bindings", &[]).with_macros(&[receiver("bind", 3, bind)]);

/// `cel.block`: what optimisers make of common parts.
pub static BLOCKS: Library = Library::new("block", &[]).with_macros(&[
    receiver("block", 2, block),
    receiver("index", 1, block_index),
    receiver("iterVar", 2, block_iteration),
    receiver("accuVar", 2, block_accumulator),
]);
