//! Compressed data.

use std::io::{Read as _, Write as _};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

use crate::libraries::args::{bytes, text};
use crate::{Call, CelError, Function, Library, Overload, Value};

/// The library.
pub static LIBRARY: Library = Library::new(
    "kyverno.gzip",
    &[
        Function::new("gzip.decompress", &[Overload::new("decompress_bytes_string", "gzip.decompress(bytes) -> string", decompress)]),
        Function::new("gzip.compress", &[Overload::new("compress_any_bytes", "gzip.compress(dyn) -> bytes", compress)]),
    ],
);

fn decompress(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let data = bytes(args, 0)?;
    let mut reader = MultiGzDecoder::new(data);
    let mut out = Vec::new();
    let mut part = vec![0_u8; 64 << 10];
    loop {
        let count = reader.read(&mut part).map_err(|error| {
            CelError::invalid(if error.kind() == std::io::ErrorKind::UnexpectedEof {
                "unexpected EOF".to_owned()
            } else {
                format!("gzip: {error}")
            })
        })?;
        if count == 0 {
            break;
        }
        call.allocate(count)?;
        out.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    Ok(match String::from_utf8(out) {
        Ok(text) => text.into(),
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned().into(),
    })
}

/// The same text gives the same bytes: there is no time in them.
fn compress(call: &mut Call<'_>, args: &[Value]) -> Result<Value, CelError> {
    let text = text(args, 0)?;
    call.allocate(text.len())?;
    let mut writer = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    let written = writer.write_all(text.as_bytes()).and_then(|()| writer.finish());
    written.map(Value::bytes).map_err(|error| CelError::invalid(format!("gzip: {error}")))
}
