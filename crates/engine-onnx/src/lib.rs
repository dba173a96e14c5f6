//! ONNX models, run by ONNX Runtime.
//!
//! Always: the runtime is opened once per process, from the path that is given and nowhere else; it sends no telemetry;
//! a model reads no file of the machine, whatever it says of external data; a session runs on as many threads as it is
//! given and these do not spin.
//!
//! What it takes: every data type of the protocol, as tensors of known rank. Strings are UTF-8 without NUL, because the
//! runtime's are. A sequence of maps, which classifiers of scikit-learn end with, is two tensors (`maps.rs`). What it
//! refuses when it loads: other sequences and maps, and optional values, with a text that says so.
//!
//! Absent on purpose: processes and sockets (that is `engine`), fetching the library (that is the command line).
//!
//! `ort` is a release candidate and pinned: when it changes, this crate is all that has to follow.

mod data;
mod maps;
mod version;

use std::path::Path;

use engine::{Backend, EngineInfo, Session};
use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::SessionInputValue;
use ort::value::{Outlet, ValueRef, ValueType};
use tensor::{Port, Signature, Tensor};

use crate::maps::Maps;

/// No folder, and nothing can be in it: where models are told to look for external data.
const NOWHERE: &str = "/dev/null/nowhere";

/// ONNX Runtime, opened.
#[derive(Debug)]
pub struct Onnx {
    environment: Environment,
    info: EngineInfo,
    threads: usize,
}

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The library is missing, broken or too old.
    #[error("ONNX Runtime cannot be opened: {0}")]
    Library(String),
    /// The library does not start.
    #[error("ONNX Runtime does not start: {0}")]
    Start(String),
}

/// For `?` in a runner, which passes reasons on as text.
impl From<OpenError> for String {
    fn from(error: OpenError) -> String {
        error.to_string()
    }
}

impl Onnx {
    /// Opens the shared library at `library`. Once per process.
    pub fn open(library: &Path) -> Result<Onnx, OpenError> {
        let environment = ort::init_from(library).map_err(|error| OpenError::Library(error.to_string()))?;
        let environment = environment
            .with_name("modelhub")
            .with_telemetry(false)
            .build()
            .map_err(|error| OpenError::Start(error.message().to_owned()))?;
        let version = version::of(library).map_err(OpenError::Library)?;
        Ok(Onnx { environment, info: EngineInfo { name: "onnxruntime".into(), version }, threads: 1 })
    }

    /// How many threads one run may use; 1 unless told otherwise. More than 1 is worth it for models of several
    /// milliseconds only.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Onnx {
        Onnx { threads: threads.max(1), ..self }
    }

    fn session(&self, model: &[u8]) -> ort::Result<ort::session::Session> {
        ort::session::Session::builder(&self.environment)?
            .with_intra_threads(self.threads)?
            .with_intra_op_spinning(false)?
            .with_inter_threads(1)?
            // The bytes come without a folder, and then the runtime takes the current one.
            .with_config_entry("session.model_external_initializers_file_folder_path", NOWHERE)?
            .commit_from_memory(model)
    }
}

impl Backend for Onnx {
    fn info(&self) -> EngineInfo {
        self.info.clone()
    }

    fn load(&mut self, model: Vec<u8>) -> Result<Box<dyn Session>, String> {
        let session = self.session(&model).map_err(|error| error.message().to_owned())?;
        drop(model);
        let inputs = session.inputs().iter().map(|input| port("input", input)).collect::<Result<_, _>>()?;
        let outputs = session.outputs().iter().map(Output::of).collect::<Result<Vec<_>, _>>()?;
        let ports: Vec<Port> = outputs.iter().flat_map(Output::ports).cloned().collect();
        maps::check_names(&ports)?;
        let signature = Signature { inputs, outputs: ports };
        Ok(Box::new(Loaded { session, allocator: Allocator::default(), signature, outputs, spoilt: false }))
    }
}

/// A model in a session.
struct Loaded {
    session: ort::session::Session,
    allocator: Allocator,
    signature: Signature,
    /// The session's outputs; one port of the signature for each, or two.
    outputs: Vec<Output>,
    spoilt: bool,
}

/// What becomes of an output of the session.
#[derive(Debug)]
enum Output {
    Tensor(Port),
    Maps(Maps),
}

impl Output {
    fn of(outlet: &Outlet) -> Result<Output, String> {
        match Maps::of(outlet.name(), outlet.dtype()) {
            Some(maps) => Ok(Output::Maps(maps)),
            None => port("output", outlet).map(Output::Tensor),
        }
    }

    fn ports(&self) -> impl Iterator<Item = &Port> {
        let (first, second) = match self {
            Output::Tensor(port) => (port, None),
            Output::Maps(Maps { values, keys }) => (values, Some(keys)),
        };
        std::iter::once(first).chain(second)
    }

    fn read(&self, value: ValueRef<'_>, tensors: &mut Vec<Tensor>) -> Result<(), String> {
        match self {
            Output::Tensor(port) => tensors.push(data::read(port, value)?),
            Output::Maps(maps) => tensors.extend(maps.read(value)?),
        }
        Ok(())
    }
}

impl Session for Loaded {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let values = self
            .signature
            .inputs
            .iter()
            .map(|port| {
                let tensor = inputs.iter().find(|tensor| tensor.name() == port.name);
                let tensor = tensor.ok_or_else(|| format!("input {:?} is missing", port.name))?;
                data::write(&self.allocator, tensor).map(SessionInputValue::from)
            })
            .collect::<Result<Vec<_>, String>>()?;
        let outputs = match self.session.run(values.as_slice()) {
            Ok(outputs) => outputs,
            Err(error) => {
                // After that its arena refuses small pieces, too.
                self.spoilt =
                    ["bad_alloc", "Failed to allocate memory"].iter().any(|words| error.message().contains(words));
                return Err(error.message().to_owned());
            }
        };
        let mut tensors = Vec::with_capacity(self.signature.outputs.len());
        for (output, value) in self.outputs.iter().zip(outputs.values()) {
            output.read(value, &mut tensors)?;
        }
        Ok(tensors)
    }

    fn is_spoilt(&self) -> bool {
        self.spoilt
    }
}

/// An input or output as a port, or why it cannot be one.
fn port(side: &str, outlet: &Outlet) -> Result<Port, String> {
    let name = outlet.name();
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let datatype = data::datatype(*ty).ok_or_else(|| format!("{side} {name:?} has elements of type {ty}"))?;
            // Named and unknown sizes are -1.
            let shape = shape.iter().map(|axis| u64::try_from(*axis).ok()).collect();
            Ok(Port { name: name.to_owned(), datatype, shape })
        }
        ValueType::Sequence(_) | ValueType::Map { .. } => Err(format!(
            "{side} {name:?} is {}; taken are tensors, and as outputs sequences of maps from INT64 or text to FP32",
            outlet.dtype()
        )),
        ValueType::Optional(_) => Err(format!("{side} {name:?} is an optional value, not a tensor")),
    }
}
