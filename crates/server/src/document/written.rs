//! Schemas of what is written or read without a word of `api`: bytes beside JSON, lines, documents of other crates.

use serde_json::{Value, json};

use super::operation::named;

/// By their names.
pub(super) fn schemas() -> [(&'static str, Value); 7] {
    [
        ("InferAnswer", infer_answer()),
        ("OutputTensor", output_tensor()),
        ("Receipt", receipt()),
        ("ReceiptPart", receipt_part()),
        ("ValuesForm", values_form()),
        ("Bytes32", bytes32()),
        ("Value", json!({"description": "Any value."})),
    ]
}

fn infer_answer() -> Value {
    json!({
        "type": "object",
        "description": "What a model answered.",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": named("ModelName"),
            "model_version": named("ReleaseNumber"),
            "id": {"type": "string", "description": "The request's own."},
            "outputs": {"type": "array", "items": named("OutputTensor")},
        },
    })
}

fn output_tensor() -> Value {
    json!({
        "type": "object",
        "description": "One output. Its data stands here, or its bytes follow the JSON.",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "data": {"type": "array", "items": {}},
            "parameters": {
                "type": "object",
                "properties": {"binary_data_size": {"type": "integer", "minimum": 0}},
            },
        },
    })
}

fn receipt() -> Value {
    json!({
        "type": "object",
        "description": "A signed receipt (EIP-712): `modelhub receipt ID --verify` recomputes it from these very fields.",
        "required": [
            "id", "payer", "model", "release", "input_hash", "output_hash", "amount", "parts", "time", "time_ms", "domain",
            "typed_data", "signer", "signature",
        ],
        "properties": {
            "id": named("CallId"),
            "payer": {
                "type": "string",
                "description": "An account's id; for who may not know it `sha256:` and the hash that is signed.",
            },
            "model": described("Bytes32", "Digest of the files that ran."),
            "release": named("ReleaseNumber"),
            "input_hash": named("Bytes32"),
            "output_hash": named("Bytes32"),
            "salt": described("Bytes32", "Opens the two commitments above; for the payer alone."),
            "amount": described("Amount", "In OPG."),
            "parts": {"type": "array", "items": named("ReceiptPart")},
            "time": named("Time"),
            "time_ms": {"type": "integer", "minimum": 0, "description": "The same as it is signed: milliseconds since 1970."},
            "domain": {
                "type": "object",
                "description": "Which program signed, and which hub.",
                "required": ["name", "version", "salt"],
                "properties": {
                    "name": {"type": "string"},
                    "version": {"type": "string"},
                    "salt": described("Bytes32", "The hub's id."),
                },
            },
            "typed_data": described("Bytes32", "The digest that is signed."),
            "signer": named("Address"),
            "signature": {"type": "string", "pattern": "^0x[0-9a-f]{130}$"},
        },
    })
}

fn receipt_part() -> Value {
    json!({
        "type": "object",
        "description": "One receiver, and what it got.",
        "required": ["account", "amount"],
        "properties": {"account": named("AccountId"), "amount": named("Amount")},
    })
}

fn values_form() -> Value {
    let file = json!({"type": "string", "contentMediaType": "application/octet-stream"});
    json!({
        "type": "object",
        "description": "One value a part, 1,024 at most: a file, or a text.",
        "properties": {"file": file, "text": {"type": "string"}, "input": {"type": "string"}, "inputs": {"type": "string"}},
        "additionalProperties": false,
    })
}

fn bytes32() -> Value {
    json!({"type": "string", "description": "32 bytes in hexadecimal digits.", "pattern": "^0x[0-9a-f]{64}$"})
}

/// A schema by its name, with words of its own.
fn described(name: &str, what: &str) -> Value {
    let mut schema = named(name);
    schema["description"] = json!(what);
    schema
}

/// Bytes, not looked into.
pub(super) fn bytes(what: &str) -> Value {
    json!({"type": "string", "contentMediaType": "application/octet-stream", "description": what})
}

/// A text.
pub(super) fn text(what: &str) -> Value {
    json!({"type": "string", "description": what})
}
