//! Which version of ONNX Runtime a library is.

#![expect(unsafe_code, reason = "ort asks the library for its version and keeps it to itself")]

use std::ffi::CStr;
use std::path::Path;

use libloading::Library;
use ort::sys::OrtApiBase;

/// The version the library names. It is open already, so this opens nothing new.
pub(crate) fn of(library: &Path) -> Result<String, String> {
    // SAFETY: opening it again runs no code of the library, `ort` has opened it.
    let library = unsafe { Library::new(library) }.map_err(|error| error.to_string())?;
    // SAFETY: this is the signature in ONNX Runtime's C API, stable since its first release.
    let base = unsafe { library.get::<unsafe extern "C" fn() -> *const OrtApiBase>(b"OrtGetApiBase") };
    let base = base.map_err(|error| error.to_string())?;
    // SAFETY: the base is a static of the library, the version a static text that ends in NUL.
    let version = unsafe { CStr::from_ptr(((*base()).GetVersionString)()) };
    Ok(version.to_string_lossy().into_owned())
}
