//! What imports of a pickle mean.

use serde::{Deserialize, Serialize};

/// What an import lets a pickle do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Danger {
    /// What rebuilds tensors and lists, and nothing else.
    Known,
    /// Something that is on no list: whoever reads the pickle runs it.
    Unknown,
    /// It runs programs or other code, or reads and writes files.
    Dangerous,
}

impl Danger {
    pub const fn word(self) -> &'static str {
        match self {
            Danger::Known => "known",
            Danger::Unknown => "unknown",
            Danger::Dangerous => "dangerous",
        }
    }
}

/// Modules of which everything is dangerous, with all that is below them.
const MODULES: &[&str] = &[
    "_osx_support",
    "_posixsubprocess",
    "_pyrepl",
    "_thread",
    "_winapi",
    "_xxsubinterpreters",
    "aiohttp",
    "ast",
    "asyncio",
    "bdb",
    "cProfile",
    "cffi",
    "cgi",
    "cloudpickle",
    "codeop",
    "commands",
    "compileall",
    "concurrent",
    "ctypes",
    "dill",
    "distutils",
    "doctest",
    "ensurepip",
    "fileinput",
    "ftplib",
    "gc",
    "http",
    "httplib",
    "httpx",
    "idlelib",
    "imaplib",
    "imp",
    "importlib",
    "inspect",
    "jsonpickle",
    "lib2to3",
    "linecache",
    "logging.config",
    "marshal",
    "modulefinder",
    "multiprocessing",
    "nt",
    "ntpath",
    "numpy.f2py",
    "numpy.distutils",
    "numpy.testing",
    "os",
    "paramiko",
    "pdb",
    "pexpect",
    "pip",
    "pkgutil",
    "poplib",
    "posix",
    "posixpath",
    "pty",
    "py_compile",
    "pydoc",
    "requests",
    "runpy",
    "setuptools",
    "shelve",
    "shlex",
    "shutil",
    "signal",
    "site",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "sysconfig",
    "tarfile",
    "telnetlib",
    "tempfile",
    "threading",
    "timeit",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.launcher",
    "torch.distributed.rpc",
    "torch.distributed.run",
    "torch.fx.experimental.symbolic_shapes",
    "torch.hub",
    "torch.jit.unsupported_tensor_ops",
    "torch.package",
    "torch.utils.bottleneck",
    "torch.utils.collect_env",
    "torch.utils.cpp_extension",
    "torch.utils.data.datapipes",
    "torch.utils.model_zoo",
    "tty",
    "urllib",
    "urllib2",
    "urllib3",
    "venv",
    "webbrowser",
    "xmlrpc",
    "zipfile",
    "zipimport",
];

/// Single names of other modules.
const NAMES: &[(&str, &[&str])] = &[
    ("_io", &["FileIO", "open", "open_code"]),
    ("_operator", &["attrgetter", "methodcaller"]),
    ("_pickle", &["Unpickler", "load", "loads"]),
    (
        "builtins",
        &[
            "__build_class__",
            "__import__",
            "breakpoint",
            "compile",
            "delattr",
            "eval",
            "exec",
            "execfile",
            "exit",
            "getattr",
            "globals",
            "input",
            "locals",
            "open",
            "quit",
            "reload",
            "setattr",
            "vars",
        ],
    ),
    ("code", &["InteractiveConsole", "InteractiveInterpreter", "interact"]),
    ("codecs", &["open"]),
    ("io", &["FileIO", "open", "open_code"]),
    ("joblib", &["load", "Parallel"]),
    ("joblib.numpy_pickle", &["load", "load_temporary_memmap"]),
    ("keras.models", &["load_model"]),
    ("numpy", &["load", "loadtxt", "fromfile", "genfromtxt", "memmap", "save", "savez", "tofile"]),
    ("numpy.lib.npyio", &["load", "loadtxt", "save"]),
    ("operator", &["attrgetter", "methodcaller"]),
    ("pandas", &["eval", "read_pickle", "read_hdf", "read_sql"]),
    ("pickle", &["Unpickler", "_Unpickler", "_load", "_loads", "load", "loads"]),
    ("platform", &["popen"]),
    ("profile", &["Profile", "run", "runctx"]),
    ("sympy.core.sympify", &["sympify"]),
    ("sympy.parsing.sympy_parser", &["eval_expr", "parse_expr"]),
    ("tensorflow", &["io", "load_op_library", "py_function", "numpy_function"]),
    ("torch", &["compile", "load", "save", "hub", "classes", "ops"]),
    ("torch.serialization", &["load", "save", "_open_file_like"]),
    ("torch.storage", &["_load_from_bytes"]),
    ("torch._utils", &["_import_dotted_name"]),
    ("trace", &["Trace"]),
    ("types", &["CodeType", "FunctionType", "LambdaType", "MethodType", "ModuleType"]),
];

/// Steps of a path with dots that lead to any of the above, from whichever module they begin.
const STEPS: &[&str] = &[
    "__bases__",
    "__builtins__",
    "__class__",
    "__code__",
    "__dict__",
    "__getattribute__",
    "__globals__",
    "__import__",
    "__mro__",
    "__reduce__",
    "__reduce_ex__",
    "__subclasses__",
    "builtins",
    "eval",
    "exec",
    "importlib",
    "os",
    "popen",
    "subprocess",
    "sys",
    "system",
];

/// What rebuilds data.
const KNOWN: &[(&str, &[&str])] = &[
    ("_codecs", &["encode"]),
    (
        "builtins",
        &[
            "bool",
            "bytearray",
            "bytes",
            "complex",
            "dict",
            "float",
            "frozenset",
            "int",
            "list",
            "object",
            "range",
            "set",
            "slice",
            "str",
            "tuple",
        ],
    ),
    ("collections", &["Counter", "OrderedDict", "defaultdict", "deque"]),
    ("copyreg", &["_reconstructor"]),
    ("joblib.numpy_pickle", &["NDArrayWrapper", "NumpyArrayWrapper"]),
    (
        "numpy",
        &["dtype", "ndarray", "bool_", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8"],
    ),
    ("numpy.core.multiarray", &["_reconstruct", "scalar"]),
    ("numpy._core.multiarray", &["_reconstruct", "scalar"]),
    ("numpy.core.numeric", &["_frombuffer"]),
    ("numpy._core.numeric", &["_frombuffer"]),
    (
        "torch",
        &[
            "BFloat16Storage",
            "BoolStorage",
            "ByteStorage",
            "CharStorage",
            "DoubleStorage",
            "FloatStorage",
            "HalfStorage",
            "IntStorage",
            "LongStorage",
            "QInt8Storage",
            "QUInt8Storage",
            "QInt32Storage",
            "ShortStorage",
            "Size",
            "Tensor",
            "bfloat16",
            "bool",
            "device",
            "float16",
            "float32",
            "float64",
            "int16",
            "int32",
            "int64",
            "int8",
            "per_tensor_affine",
            "per_channel_affine",
            "uint8",
        ],
    ),
    (
        "torch._utils",
        &[
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
            "_rebuild_qtensor",
            "_rebuild_sparse_tensor",
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
            "_rebuild_device_tensor_from_numpy",
        ],
    ),
    ("torch.nn.parameter", &["Parameter", "Buffer"]),
    ("torch.storage", &["TypedStorage", "UntypedStorage"]),
];

/// What it means that a pickle imports this name of this module.
pub fn danger(module: &str, name: &str) -> Danger {
    let module = match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        "cPickle" => "pickle",
        other => other,
    };
    let below = |of: &&str| module == *of || module.strip_prefix(*of).is_some_and(|rest| rest.starts_with('.'));
    let named = |table: &[(&str, &[&str])], name: &str| {
        table.iter().any(|(known, names)| *known == module && names.contains(&name))
    };
    let first = name.split('.').next().unwrap_or_default();
    let by_steps = name.contains('.') && name.split('.').any(|step| STEPS.contains(&step) || step.starts_with("__"));
    // An attribute of a module that is a module itself, by a path with dots.
    let through = format!("{module}.{name}");
    let leads_below = name.contains('.')
        && MODULES.iter().any(|of| through.strip_prefix(*of).is_some_and(|rest| rest.starts_with('.')));
    if MODULES.iter().any(below) || named(NAMES, name) || named(NAMES, first) || by_steps || leads_below {
        return Danger::Dangerous;
    }
    if named(KNOWN, name) { Danger::Known } else { Danger::Unknown }
}

/// Modules whose names are sought where a pickle cannot be followed.
pub(crate) const SOUGHT: &[&str] = &[
    "__builtin__",
    "_pickle",
    "builtins",
    "commands",
    "ctypes",
    "importlib",
    "marshal",
    "nt",
    "os",
    "pickle",
    "posix",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "webbrowser",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_known_unknown_or_dangerous() {
        for (module, name, expected) in [
            ("os", "system", Danger::Dangerous),
            ("posix", "system", Danger::Dangerous),
            ("os.path", "join", Danger::Dangerous),
            ("__builtin__", "eval", Danger::Dangerous),
            ("builtins", "getattr", Danger::Dangerous),
            ("builtins", "dict", Danger::Known),
            ("builtins", "print", Danger::Unknown),
            ("numpy", "f2py.os.system", Danger::Dangerous),
            ("numpy", "dtype.__class__", Danger::Dangerous),
            ("torch", "hub.load", Danger::Dangerous),
            ("torch", "FloatStorage", Danger::Known),
            ("torch._utils", "_rebuild_tensor_v2", Danger::Known),
            ("collections", "OrderedDict", Danger::Known),
            ("sklearn.linear_model._logistic", "LogisticRegression", Danger::Unknown),
            ("osmium", "Reader", Danger::Unknown),
            ("", "", Danger::Unknown),
        ] {
            assert_eq!(danger(module, name), expected, "{module} {name}");
        }
    }
}
