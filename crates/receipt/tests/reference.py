"""Computes receipts' digests and signatures with an independent implementation of EIP-712 (eth-account).

Prints the vectors of vectors.rs. To run it, anywhere outside the source tree:

    python3 -m venv venv && venv/bin/pip install eth-account
    venv/bin/python crates/receipt/tests/reference.py
"""

import hashlib

from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data

TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "salt", "type": "bytes32"},
    ],
    "Receipt": [
        {"name": "id", "type": "bytes32"},
        {"name": "payer", "type": "bytes32"},
        {"name": "model", "type": "bytes32"},
        {"name": "release", "type": "string"},
        {"name": "inputHash", "type": "bytes32"},
        {"name": "outputHash", "type": "bytes32"},
        {"name": "amount", "type": "uint256"},
        {"name": "parts", "type": "Part[]"},
        {"name": "time", "type": "uint256"},
    ],
    "Part": [
        {"name": "account", "type": "bytes32"},
        {"name": "amount", "type": "uint256"},
    ],
}


def text_hash(text):
    return hashlib.sha256(text.encode()).digest()


def vector(name, secret, hub, receipt):
    message = {
        "id": text_hash(receipt["id"]),
        "payer": text_hash(receipt["payer"]),
        "model": receipt["model"],
        "release": receipt["release"],
        "inputHash": receipt["input_hash"],
        "outputHash": receipt["output_hash"],
        "amount": receipt["amount"],
        "parts": [{"account": text_hash(account), "amount": amount} for account, amount in receipt["parts"]],
        "time": receipt["time"],
    }
    signable = encode_typed_data(
        full_message={
            "types": TYPES,
            "primaryType": "Receipt",
            "domain": {"name": "Model Hub", "version": "1", "salt": hub},
            "message": message,
        }
    )
    signed = Account.sign_message(signable, secret)
    print(name)
    print("  digest   ", "0x" + _hash_eip191_message(signable).hex())
    print("  address  ", Account.from_key(secret).address)
    print("  signature", "0x" + signed.signature.hex())


vector(
    "ordinary",
    bytes([0x11] * 32),
    bytes(range(32)),
    {
        "id": "call_06dzv0a2qt7rvc2x0q1m5s9g3w",
        "payer": "acct_06dzv09h5n7hk7p8e6m3v2c1d0",
        "model": bytes([0xAA] * 32),
        "release": "1.01",
        "input_hash": bytes([0xBB] * 32),
        "output_hash": bytes([0xCC] * 32),
        "amount": 2_000_000_000_000_000,
        "parts": [
            ("acct_06dzv0b0000000000000000001", 100_000_000_000_000),
            ("acct_06dzv0b0000000000000000002", 1_330_000_000_000_000),
            ("acct_06dzv0b0000000000000000003", 570_000_000_000_000),
        ],
        "time": 1_795_404_060_123,
    },
)
vector(
    "free, no parts",
    bytes([0x22] * 32),
    bytes([0xFF] * 32),
    {
        "id": "call_x",
        "payer": "acct_y",
        "model": bytes(32),
        "release": "",
        "input_hash": bytes(32),
        "output_hash": bytes(32),
        "amount": 0,
        "parts": [],
        "time": 0,
    },
)
vector(
    "largest",
    bytes(31) + bytes([1]),
    bytes(32),
    {
        "id": "call_ü",
        "payer": "acct_z",
        "model": bytes([1] * 32),
        "release": "4294967295.4294967295",
        "input_hash": bytes([2] * 32),
        "output_hash": bytes([3] * 32),
        "amount": 2**128 - 1,
        "parts": [("acct_z", 2**128 - 1)],
        "time": 2**64 - 1,
    },
)
