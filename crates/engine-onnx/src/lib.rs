//! ONNX models, run by ONNX Runtime.
//!
//! Always: the runtime is opened once per process, from the path that is given and nowhere else; it sends no telemetry;
//! a model reads no file of the machine, whatever it says of external data; a session runs on as many threads as it is
//! given and these do not spin.
//!
//! What it takes: every data type of the protocol, as tensors of known rank. Strings are UTF-8 without NUL, because the
//! runtime's are. What it refuses when it loads: sequences, maps and optional values, with a text that tells how to
//! export without them.
//!
//! Absent on purpose: processes and sockets (that is `engine`), fetching the library (that is the command line).
//!
//! `ort` is a release candidate and pinned: when it changes, this crate is all that has to follow.

mod data;
mod version;

use std::path::Path;

use engine::{Backend, EngineInfo, Session};
use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::SessionInputValue;
use ort::value::{Outlet, ValueType};
use tensor::{Port, Signature, Tensor};

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
        let outputs = session.outputs().iter().map(|output| port("output", output)).collect::<Result<_, _>>()?;
        let signature = Signature { inputs, outputs };
        Ok(Box::new(Loaded { session, allocator: Allocator::default(), signature, spoilt: false }))
    }
}

/// A model in a session.
struct Loaded {
    session: ort::session::Session,
    allocator: Allocator,
    signature: Signature,
    spoilt: bool,
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
        self.signature.outputs.iter().zip(outputs.values()).map(|(port, value)| data::read(port, value)).collect()
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
            "{side} {name:?} is {}, not a tensor; if it was exported from scikit-learn, export it with zipmap off: \
             to_onnx(model, …, options={{\"zipmap\": False}})",
            outlet.dtype()
        )),
        ValueType::Optional(_) => Err(format!("{side} {name:?} is an optional value, not a tensor")),
    }
}
