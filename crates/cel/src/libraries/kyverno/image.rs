//! References of images.

use std::sync::Arc;

use super::reference::Reference;
use crate::libraries::args::{opaque, text};
use crate::value::Opaque;
use crate::{Call, CelError, Function, Library, Overload, Type, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.image",
    &[
        Function::new("image", &[Overload::new("string_to_image_deprecated", "image(string) -> kyverno.image", image)]),
        Function::new("parseImageReference", &[Overload::new("string_to_image", "parseImageReference(string) -> kyverno.image", image)]),
        Function::new("isImage", &[Overload::new("is_image_string", "isImage(string) -> bool", is_image)]),
        Function::new(
            "containsDigest",
            &[Overload::new("image_contains_digest", "kyverno.image.containsDigest() -> bool", |_, args| {
                Ok((!one(args)?.digest.is_empty()).into())
            })],
        ),
        Function::new(
            "registry",
            &[Overload::new("image_registry", "kyverno.image.registry() -> string", |_, args| Ok(Arc::clone(&one(args)?.registry).into()))],
        ),
        Function::new(
            "repository",
            &[Overload::new("image_repository", "kyverno.image.repository() -> string", |_, args| {
                Ok(Arc::clone(&one(args)?.repository).into())
            })],
        ),
        Function::new(
            "identifier",
            &[Overload::new("image_identifier", "kyverno.image.identifier() -> string", |_, args| {
                Ok(Arc::clone(one(args)?.identifier()).into())
            })],
        ),
        Function::new(
            "tag",
            &[Overload::new("image_tag", "kyverno.image.tag() -> string", |_, args| Ok(Arc::clone(&one(args)?.tag).into()))],
        ),
        Function::new(
            "digest",
            &[Overload::new("image_digest", "kyverno.image.digest() -> string", |_, args| Ok(Arc::clone(&one(args)?.digest).into()))],
        ),
    ],
)
.with_types(&["kyverno.image"]);

#[derive(Debug)]
struct Image(Reference);

impl Opaque for Image {
    fn type_of(&self) -> Type {
        Type::opaque("kyverno.image")
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<Image>().is_some_and(|other| self.0 == other.0)
    }

    fn data(&self) -> Option<Value> {
        Some(Arc::clone(&self.0.text).into())
    }
}

fn one(args: &[Value]) -> Result<&Reference, CelError> {
    Ok(&opaque::<Image>(args, 0)?.0)
}

fn image(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Reference::parse(text(args, 0)?).map(|reference| Value::opaque(Image(reference))).map_err(CelError::invalid)
}

fn is_image(_: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    Ok(Reference::parse(text(args, 0)?).is_ok().into())
}
