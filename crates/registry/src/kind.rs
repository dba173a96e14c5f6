//! What a file is, as far as who may read it and how it travels depend on it.

use crate::tree::File;

/// Ends of names that carry weights: what is sealed until the owner says otherwise.
const WEIGHTS: &[&str] = &[
    "onnx",
    "onnx_data",
    "onnx.data",
    "ort",
    "safetensors",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "gguf",
    "ggml",
    "h5",
    "hdf5",
    "keras",
    "pb",
    "tflite",
    "msgpack",
    "mlmodel",
    "model",
    "joblib",
    "pkl",
    "pickle",
    "npz",
    "npy",
    "params",
    "pdparams",
    "pdiparams",
    "engine",
    "plan",
    "nemo",
    "tar",
    "tar.gz",
    "tgz",
    "zip",
    "7z",
    "zst",
    "xz",
    "gz",
];

/// Tokenizers that end like weights, by the names their libraries give them.
const TOKENIZERS: &[&str] = &["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];

/// From this size on a file is large, whatever its name: nobody reads that much for a card.
pub const LARGE_BYTES: u64 = 10 * 1024 * 1024;

impl File {
    /// Whether it may carry what the model has learnt: by the end of its name, or because it is large. Archives do,
    /// because anything may be in them.
    pub fn carries_weights(&self) -> bool {
        let name = self.path.file_name().to_ascii_lowercase();
        let end = |end: &&str| name.strip_suffix(*end).is_some_and(|rest| rest.ends_with('.'));
        self.is_large() || (!TOKENIZERS.contains(&name.as_str()) && WEIGHTS.iter().any(end))
    }

    /// Whether clients of Hugging Face's interface see it as a pointer to a large file.
    pub fn is_large(&self) -> bool {
        self.size >= LARGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Digest;

    #[test]
    fn weights_are_told_by_their_names_and_their_size() {
        let file = |path: &str, size| File { path: path.parse().unwrap(), sha256: Digest([0; 32]), size };
        for path in
            ["model.onnx", "a/MODEL.SAFETENSORS", "pytorch_model.bin", "x.onnx.data", "w.tar.gz", "examples.zip"]
        {
            assert!(file(path, 1).carries_weights(), "{path}");
        }
        for path in [
            "README.md",
            "config.json",
            "tokenizer.json",
            "a/spiece.model",
            "onnx",
            "model.onnx.md",
            "examples/one.json",
            ".bin.txt",
        ] {
            assert!(!file(path, 1).carries_weights(), "{path}");
        }
        assert!(file("data.csv", LARGE_BYTES).carries_weights());
        assert!(!file("data.csv", LARGE_BYTES - 1).carries_weights());
    }
}
