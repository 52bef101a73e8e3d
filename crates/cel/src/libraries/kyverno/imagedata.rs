//! What registries say of images.

use probity_core::Question;

use super::{Receiver, decoded, within};
use crate::libraries::args::text;
use crate::{Call, CelError, Constant, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.imagedata",
    &[
        Function::new(
            "GetMetadata",
            &[Overload::new("imagedata_get_string_pascal", "imagedata.Context.GetMetadata(string) -> dyn", metadata)],
        ),
        Function::new(
            "getMetadata",
            &[Overload::new("imagedata_get_string_camel", "imagedata.Context.getMetadata(string) -> dyn", metadata)],
        ),
    ],
)
.with_constants(&[Constant { name: "image", type_name: "imagedata.Context", value: || Value::opaque(Receiver("imagedata.Context")) }]);

fn metadata(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    of(call, text(args, 1)?)
}

/// What a registry says of one image.
pub(super) fn of(call: &Call<'_>, reference: &str) -> Result<Value, CelError> {
    let answer = call
        .context
        .lookup
        .ask(&Question::Image { reference: reference.into() })
        .map_err(|error| within("failed to get image data", error.into()))?;
    decoded(&answer)
}
