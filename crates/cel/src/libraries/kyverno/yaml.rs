//! YAML text.

use probity_value::yaml::{self, ParseOptions};
use probity_value::{Data, FileId};

use super::{Receiver, decoded};
use crate::libraries::args::text;
use crate::{Call, CelError, Constant, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library =
    Library::new("kyverno.yaml", &[Function::new("parse", &[Overload::new("parse_string_dyn", "yaml.Yaml.parse(string) -> dyn", parse)])])
        .with_constants(&[Constant { name: "yaml", type_name: "yaml.Yaml", value: || Value::opaque(Receiver("yaml.Yaml")) }]);

/// One document, as kubectl reads it.
fn parse(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 1)?;
    call.allocate(text.len().saturating_mul(4))?;
    let options = ParseOptions { booleans_1_1: true, octal_1_1: true, line_breaks_1_1: true, kubectl: true, cloudformation: false };
    let (documents, problems) = yaml::parse_with(text, FileId::NONE, options);
    if let Some(problem) = problems.iter().find(|problem| problem.fatal) {
        return Err(CelError::invalid(format!("the text is no YAML: {}", problem.message)));
    }
    if problems.iter().any(|problem| problem.code == "yaml-duplicate-key") {
        return Err(CelError::invalid("the text is no YAML: a key stands twice in one map"));
    }
    match documents.first() {
        Some(document) if !matches!(document.value.data, Data::Null) => decoded(&document.value),
        _ => Ok(Value::Null),
    }
}
