"""Calls in people's values, with real models: a file's type, rows of tables, and a picture's colours.

What the hub answers is what the model's own package, or ONNX Runtime in Python, makes of the same values.
"""

import base64
import decimal
import importlib.metadata
import json
import pathlib
import struct
import tempfile
import unittest
import zlib

import magika
import numpy as np
import onnxruntime

from hub import FIXTURES, Hub

FEE = decimal.Decimal("0.001")
CARD = """---
modelhub:
  price: {{ per_item: "{fee} OPG" }}
  {task}
---
# A small model
"""


def setUpModule():
    """One hub for all: a model of bytes, and two of tables."""
    global HUB, BOB, PACKAGE
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    alice, BOB = HUB.account("alice"), HUB.account("bob", "10")
    PACKAGE = pathlib.Path(magika.__file__).parent / "models" / "standard_v3_3"
    config = json.loads((PACKAGE / "config.min.json").read_text())
    card = f"""---
license: {importlib.metadata.metadata("magika")["License"].lower()}
modelhub:
  price: {{ per_item: "{FEE} OPG" }}
  labels: labels.json
  task:
    type: file-type
    begin: {config["beg_size"]}
    end: {config["end_size"]}
    block: {config["block_size"]}
    padding: {config["padding_token"]}
    least: {config["min_file_size_for_dl"]}
    top: 3
---
# Magika
"""
    labels = json.dumps(config["target_labels_space"])
    publish(alice, "alice/magika", PACKAGE / "model.onnx", {"README.md": card, "labels.json": labels})
    passengers = """labels: { probabilities: ["no", "yes"] }
  task:
    type: tabular-classification
    columns: { age: number, fare: number, port: [cork, dover, le havre] }"""
    houses = "task: { type: tabular-regression, columns: { rooms: number, floor: number, sun: number } }"
    colours = """labels: [red, green, blue]
  task: { type: image-classification, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], activation: none }"""
    for name, task in [("passengers", passengers), ("houses", houses), ("colours", colours)]:
        card = CARD.format(fee=FEE, task=task)
        publish(alice, f"alice/{name}", FIXTURES / f"{name}.onnx", {"README.md": card})


def publish(key, model, weights, texts):
    """Publishes a folder of these files."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "model.onnx").write_bytes(weights.read_bytes())
        for name, text in texts.items():
            (folder / name).write_text(text)
        HUB.cli(key, "publish", folder, model)


def run(model, inputs, **headers):
    """One call of these values."""
    headers = {"Authorization": f"Bearer {BOB}"} | headers
    answer = HUB.post(f"/api/v1/run/{model}", json.dumps({"inputs": inputs}), headers)
    assert answer.status == 200, answer
    return answer.json["outputs"]


class Files(unittest.TestCase):
    """Any file, and its type."""

    FILES = {
        "python": b"import os\n\nfor name in os.listdir('.'):\n    print(name, os.path.getsize(name))\n",
        "html": b"  <!doctype html>\n<html><head><title>A page</title></head><body><p>Text</p></body></html>\n",
        "onnx": (FIXTURES / "types.onnx").read_bytes(),
        "markdown": (FIXTURES.parents[2] / "README.md").read_bytes(),
        "rust": (FIXTURES.parents[2] / "crates/ledger/src/lib.rs").read_bytes(),
        "zeros": bytes(10_000),
    }

    def test_types_are_those_of_the_package_with_its_scores(self):
        package = magika.Magika()
        with tempfile.TemporaryDirectory() as folder:
            for name, data in self.FILES.items():
                with self.subTest(name):
                    path = pathlib.Path(folder) / name
                    path.write_bytes(data)
                    answer = HUB.cli(BOB, "run", "alice/magika", "--file", path)
                    [found] = answer["outputs"]
                    expected = package.identify_bytes(data)
                    self.assertEqual(found["label"], str(expected.dl.label))
                    self.assertAlmostEqual(found["score"], expected.score, places=4)
                    self.assertEqual((len(found["top"]), answer["cost"]), (3, str(FEE)))

    def test_many_files_are_one_call_at_the_price_of_each(self):
        before = decimal.Decimal(HUB.cli(BOB, "balance")["cash"])
        texts = [data.decode() for name, data in self.FILES.items() if name in ("python", "html", "rust")]
        labels = [output["label"] for output in run("alice/magika", [{"text": text} for text in texts])]
        self.assertEqual(labels, ["python", "html", "rust"])
        after = decimal.Decimal(HUB.cli(BOB, "balance")["cash"])
        self.assertEqual(before - after, 3 * FEE)

    def test_what_is_too_small_to_tell_costs_nothing(self):
        headers = {"Authorization": f"Bearer {BOB}"}
        answer = HUB.post("/api/v1/run/alice/magika", json.dumps({"input": {"text": "  a  "}}), headers)
        self.assertEqual((answer.status, answer.json["error"]["code"]), (400, "invalid_input"))
        self.assertIn("the model needs 8", answer.json["error"]["message"])


def png(width, height, colour):
    """A picture of one colour."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(colour) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class Pictures(unittest.TestCase):
    """Pictures, as files and as data URLs."""

    def test_a_picture_is_resized_and_its_colours_told(self):
        data = png(300, 200, (255, 51, 0))
        url = "data:image/png;base64," + base64.b64encode(data).decode()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "picture.png"
            path.write_bytes(data)
            [sent] = HUB.cli(BOB, "run", "alice/colours", "--file", path)["outputs"]
        green = "data:;base64," + base64.b64encode(png(8, 8, (0, 255, 0))).decode()
        [found, other] = run("alice/colours", [url, green])
        self.assertEqual((found, other["label"]), (sent, "green"))
        scores = {top["label"]: top["score"] for top in found["top"]}
        for label, value in [("red", 1.0), ("green", -0.6), ("blue", -1.0)]:
            self.assertAlmostEqual(scores[label], value, places=5)

    def test_what_is_no_picture_costs_nothing(self):
        bomb = bytearray(png(8, 8, (0, 0, 0)))
        bomb[16:24] = struct.pack(">II", 100_000, 100_000)
        headers = {"Authorization": f"Bearer {BOB}"}
        for data in [b"GIF89a", bytes(bomb)]:
            url = "data:;base64," + base64.b64encode(data).decode()
            answer = HUB.post("/api/v1/run/alice/colours", json.dumps({"input": url}), headers)
            self.assertEqual((answer.status, answer.json["error"]["code"]), (400, "invalid_input"))


class Tables(unittest.TestCase):
    """Rows of named columns."""

    ROWS = [
        {"port": "dover", "age": 30, "fare": 200},
        {"port": "cork", "age": 71.5, "fare": 12},
        {"port": "le havre", "age": 2, "fare": 133.25},
    ]

    def test_labels_are_those_of_the_model_with_their_scores(self):
        session = onnxruntime.InferenceSession(FIXTURES / "passengers.onnx")
        column = lambda name, kind: np.array([[row[name]] for row in self.ROWS], dtype=kind)
        inputs = {"age": column("age", np.float32), "fare": column("fare", np.float32), "port": column("port", object)}
        labels, probabilities = session.run(None, inputs)
        found = run("alice/passengers", self.ROWS)
        self.assertEqual([output["label"] for output in found], labels.tolist())
        scores = [{top["label"]: top["score"] for top in output["top"]} for output in found]
        np.testing.assert_allclose([[row["no"], row["yes"]] for row in scores], probabilities, rtol=1e-6)

    def test_numbers_come_from_columns_side_by_side(self):
        session = onnxruntime.InferenceSession(FIXTURES / "houses.onnx")
        rows = [[1, 2, 3], [0.5, 0, 9]]
        [expected] = session.run(None, {"features": np.array(rows, dtype=np.float32)})
        found = run("alice/houses", [{"sun": sun, "rooms": rooms, "floor": floor} for rooms, floor, sun in rows])
        np.testing.assert_allclose([output["value"] for output in found], expected[:, 0], rtol=1e-6)
        row = json.dumps({"rooms": 1, "floor": 2, "sun": 3})
        [output] = HUB.cli(BOB, "run", "alice/houses", "--row", row)["outputs"]
        self.assertAlmostEqual(output["value"], float(expected[0, 0]), places=5)

    def test_a_row_that_does_not_fit_is_refused_by_its_column(self):
        headers = {"Authorization": f"Bearer {BOB}"}
        for row, reason in [
            ({"age": 1, "fare": 2}, 'lacks the column "port"'),
            (self.ROWS[0] | {"port": "bath"}, "expected one of cork, dover, le havre"),
            (self.ROWS[0] | {"name": "x"}, 'no column "name"'),
        ]:
            answer = HUB.post("/api/v1/run/alice/passengers", json.dumps({"input": row}), headers)
            self.assertEqual(answer.status, 400)
            self.assertIn(reason, answer.json["error"]["message"])
