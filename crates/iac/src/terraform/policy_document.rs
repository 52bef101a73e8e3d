//! What `data.aws_iam_policy_document` would give, worked out from its evaluated arguments.

use probity_value::{Map, Span, UnknownKind, Value};

/// The policy document as JSON text, or an unknown whose `decoded` holds what is known of it.
pub(crate) fn render(arguments: &Map, span: Span) -> Value {
    let _ = arguments;
    Value::unknown(UnknownKind::DataSource, "the policy document is not rendered", span)
}
