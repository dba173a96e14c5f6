"""The Open Inference Protocol with `tritonclient`, NVIDIA's own client for it, over HTTP and over gRPC.

Most of it is said once, for both: they take the same calls, and cost the same.
"""

import decimal
import unittest

import grpc
import ml_dtypes
import numpy as np
import tritonclient.grpc
import tritonclient.http
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from hub import Hub, until

IRIS, ZIPMAP, ECHO, TYPES = "alice/iris", "alice/zipmap", "alice/echo", "alice/types"
FEE = decimal.Decimal("0.002")
SAMPLE = np.array([[5.1, 3.5, 1.4, 0.2], [6.0, 1.0, 4.5, 1.5]], dtype=np.float32)

# The ends of each type, and what is easily lost on the way.
TENSORS = {
    "BOOL": np.array([[True, False], [False, True]]),
    "INT8": np.array([[-128, 127]], dtype=np.int8),
    "INT16": np.array([[-32768, 32767]], dtype=np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], dtype=np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], dtype=np.int64),
    "UINT8": np.array([[0, 255]], dtype=np.uint8),
    "UINT16": np.array([[0, 65535]], dtype=np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], dtype=np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], dtype=np.uint64),
    "FP16": np.array([[65504, -(2.0**-24)]], dtype=np.float16),
    "BF16": np.array([[3.375, -1e38]], dtype=ml_dtypes.bfloat16),
    "FP32": np.array([[0.1, -3.4e38]], dtype=np.float32),
    "FP64": np.array([[0.1, -1.7e308]], dtype=np.float64),
    "BYTES": np.array([["Grüße".encode(), b""], [b"a", b"\n"]], dtype=np.object_),
}
FINITE = TENSORS.keys() - {"FP16", "BF16"}


def setUpModule():
    """One hub for both: four models of alice's at a price, and one for nothing."""
    global HUB, ALICE
    HUB = Hub()
    unittest.addModuleCleanup(HUB.stop)
    ALICE = HUB.account("alice")
    for model, fixture in [(IRIS, "scaler.onnx"), (ZIPMAP, "zipmap.onnx"), (ECHO, "echo.onnx"), (TYPES, "types.onnx")]:
        HUB.publish(ALICE, model, fixture, f"{FEE} OPG")


class Protocol:
    """What holds over HTTP and over gRPC."""

    # The library, the name of its calls in the hub's books, and its words for what is refused.
    lib = surface = None
    MISSING = BAD_INPUT = NO_KEY = NO_MONEY = NO_METHOD = None

    def setUp(self):
        self.client = self.lib.InferenceServerClient(HUB.url.removeprefix("http://"))
        self.addCleanup(self.client.close)

    def account(self, deposit="1"):
        """A new account with cash. Gives its key."""
        self.__class__.accounts = getattr(self, "accounts", 0) + 1
        return HUB.account(f"{self.surface}-{self.accounts}", deposit=deposit)

    def cash(self, key):
        return decimal.Decimal(HUB.cli(key, "balance")["cash"])

    def input(self, name, array, **how):
        given = self.lib.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        return given.set_data_from_numpy(array, **how)

    def wanted(self, *names, **how):
        return [self.lib.InferRequestedOutput(name, **how) for name in names]

    def infer(self, key, model, inputs, *, headers={}, **how):
        return self.client.infer(model, inputs, headers={"authorization": f"Bearer {key}", **headers}, **how)

    def iris(self, key, **how):
        return self.infer(key, IRIS, [self.input("features", SAMPLE)], **how)

    def refused(self, status, text, act):
        """What is refused costs nothing, has its status, and says why."""
        with self.assertRaises(InferenceServerException) as raised:
            act()
        self.assertEqual(raised.exception.status(), status)
        self.assertIn(text, raised.exception.message())

    def newest_call(self, key):
        return HUB.cli(key, "calls")["items"][0]

    def test_the_server_is_there_for_everybody(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        told = self.metadata(self.client.get_server_metadata())
        self.assertEqual((told["name"], told["extensions"]), ("modelhub", ["binary_tensor_data"]))

    def test_models_and_their_releases_are_there_for_everybody(self):
        for model, version, ready in [
            (IRIS, "", True),
            (IRIS, "1.00", True),
            (IRIS, "2.00", False),
            (IRIS, "latest", False),
            ("alice/none", "", False),
            ("none", "", False),
        ]:
            with self.subTest(model=model, version=version):
                self.assertIs(self.client.is_model_ready(model, version), ready)
        for version in ["", "1.00"]:
            told = self.metadata(self.client.get_model_metadata(IRIS, version))
            shape = lambda tensor: (tensor["name"], tensor["datatype"], [int(axis) for axis in tensor["shape"]])
            self.assertEqual((told["name"], told["versions"], told["platform"]), (IRIS, ["1.00"], "onnx_onnxv1"))
            self.assertEqual([shape(tensor) for tensor in told["inputs"]], [("features", "FP32", [-1, 4])])
            outputs = [("label", "INT64", [-1]), ("probabilities", "FP32", [-1, 3])]
            self.assertEqual([shape(tensor) for tensor in told["outputs"]], outputs)
        self.refused(self.MISSING, "there is no model alice/none", lambda: self.client.get_model_metadata("alice/none"))
        release = lambda: self.client.get_model_metadata(IRIS, "2.00")
        self.refused(self.MISSING, "alice/iris has no release 2.00", release)

    def test_what_other_servers_add_is_refused_in_the_form_the_client_reads(self):
        for act in [
            lambda: self.client.get_model_config(IRIS),
            lambda: self.client.get_model_repository_index(),
            lambda: self.client.load_model(IRIS),
            lambda: self.client.get_inference_statistics(IRIS),
            lambda: self.client.get_system_shared_memory_status(),
        ]:
            self.refused(self.NO_METHOD, "", act)

    def test_every_data_type_goes_in_and_out(self):
        key = self.account()
        result = self.infer(key, TYPES, self.types())
        for kind, array in TENSORS.items():
            with self.subTest(kind):
                got = result.as_numpy(f"out/{kind}")
                self.assertEqual((got.dtype, got.shape), (array.dtype, array.shape))
                self.assertEqual(got.tolist(), array.tolist())
        scalar = result.as_numpy("out/scalar")
        self.assertEqual((scalar.shape, scalar.item()), ((), 2.5))

    def test_axes_of_no_size_work(self):
        inputs = [self.input(f"in {kind}:0", array[:0]) for kind, array in TENSORS.items()]
        result = self.infer(self.account(), TYPES, [*inputs, self.scalar()])
        for kind, array in TENSORS.items():
            self.assertEqual(result.as_numpy(f"out/{kind}").shape, (0, array.shape[1]), kind)

    def types(self, **how):
        inputs = [self.input(f"in {kind}:0", array, **how.get(kind, {})) for kind, array in TENSORS.items()]
        return [*inputs, self.scalar()]

    def scalar(self):
        return self.input("scalar", np.array(2.5, dtype=np.float32))

    def test_a_call_costs_its_price_and_has_a_receipt(self):
        key, earned = self.account(), self.cash(ALICE)
        result = self.iris(key)
        self.assertEqual(result.as_numpy("label").tolist(), [0, 2])
        self.assertEqual(self.cash(key), 1 - FEE)
        self.assertEqual(self.cash(ALICE) - earned, FEE * 9 / 10, "the hub keeps a tenth")
        call = self.newest_call(key)
        expected = (IRIS, "1.00", self.surface, "ok", str(FEE))
        found = (call["model"], call["release"], call["surface"], call["outcome"], call["cost"])
        self.assertEqual(found, expected)
        HUB.cli(key, "receipt", call["id"], "--verify")
        self.assertEqual(self.told(result).get("x-receipt-id", call["id"]), call["id"])
        self.assertEqual(self.told(result).get("x-cost", str(FEE)), str(FEE))

    def test_only_the_outputs_that_are_wanted_come_in_their_order(self):
        key = self.account()
        names = lambda result: [output["name"] for output in self.metadata(result.get_response())["outputs"]]
        self.assertEqual(names(self.iris(key)), ["label", "probabilities"])
        both = self.iris(key, outputs=self.wanted("probabilities", "label"))
        self.assertEqual(names(both), ["probabilities", "label"])
        self.assertEqual(both.as_numpy("label").tolist(), [0, 2])
        one = self.iris(key, outputs=self.wanted("label"), request_id="r-1")
        self.assertEqual((names(one), one.as_numpy("probabilities")), (["label"], None))
        self.assertEqual(self.metadata(one.get_response())["id"], "r-1")

    def test_a_sequence_of_maps_is_two_tensors(self):
        key = self.account()
        result = self.infer(key, ZIPMAP, [self.input("features", SAMPLE)])
        probabilities = result.as_numpy("output_probability")
        self.assertEqual(probabilities.tolist(), self.iris(key).as_numpy("probabilities").tolist())
        self.assertEqual(result.as_numpy("output_probability.keys").tolist(), [[0, 1, 2]])

    def test_a_tensor_of_8_mb_goes_in_and_out(self):
        key = self.account()
        large = np.random.default_rng(7).random((1024, 2048), dtype=np.float32)
        result = self.infer(key, ECHO, [self.input("x", large)])
        self.assertTrue(np.array_equal(result.as_numpy("y"), large))
        self.assertEqual(self.cash(key), 1 - FEE)

    def test_what_does_not_fit_is_refused_and_costs_nothing(self):
        key = self.account()
        features = lambda array, name="features": [self.input(name, array)]
        for text, inputs, how in [
            ("\"features\" is missing", [], {}),
            ("input \"x\" is unknown; expected \"features\"", features(SAMPLE, "x"), {}),
            ("\"features\" has size 3 on axis 1; expected 4", features(SAMPLE[:, :3]), {}),
            ("\"features\" has 1 axes; expected 2", features(SAMPLE[0]), {}),
            ("\"features\" has datatype FP64; expected FP32", features(SAMPLE.astype(np.float64)), {}),
            ("\"features\" has datatype FP16; expected FP32", features(SAMPLE.astype(np.float16)), {}),
            ("output \"z\" is unknown; the model has \"label\"", features(SAMPLE), {"outputs": self.wanted("z")}),
            ("output \"label\" is asked for twice", features(SAMPLE), {"outputs": self.wanted("label", "label")}),
            ("X-Max-Cost: \"cheap\"", features(SAMPLE), {"headers": {"x-max-cost": "cheap"}}),
        ]:
            with self.subTest(text):
                self.refused(self.BAD_INPUT, text, lambda: self.infer(key, IRIS, inputs, **how))
        self.refused(self.MISSING, "there is no model alice/none", lambda: self.infer(key, "alice/none", []))
        version = lambda: self.iris(key, model_version="9.00")
        self.refused(self.MISSING, "alice/iris has no release 9.00", version)
        self.assertEqual(self.cash(key), 1)

    def test_who_has_no_key_or_no_money_is_told_so(self):
        self.refused(self.NO_KEY, "not known here", lambda: self.iris("mh_wrong"))
        poor = self.account(deposit="0.001")
        self.refused(self.NO_MONEY, "0.002 OPG are needed; available are 0.001 OPG cash", lambda: self.iris(poor))
        rich, headers = self.account(), {"x-max-cost": "0.001"}
        limited = lambda: self.iris(rich, headers=headers)
        self.refused(self.NO_MONEY, "the call costs 0.002 OPG, above the limit of 0.001 OPG", limited)
        self.assertEqual((self.cash(poor), self.cash(rich)), (decimal.Decimal("0.001"), 1))
        self.iris(rich, headers={"x-max-cost": "0.002"})

    def test_a_repeat_with_the_same_key_costs_once(self):
        key, headers = self.account(), {"idempotency-key": "order-42"}
        first, again = self.iris(key, headers=headers), self.iris(key, headers=headers)
        self.assertEqual(again.as_numpy("probabilities").tolist(), first.as_numpy("probabilities").tolist())
        self.assertEqual(self.cash(key), 1 - FEE)
        self.assertEqual(self.told(again).get("idempotent-replayed", "true"), "true")


class Http(Protocol, unittest.TestCase):
    lib, surface = tritonclient.http, "api"
    MISSING, BAD_INPUT, NO_KEY, NO_MONEY, NO_METHOD = "404", "400", "401", "402", "404"

    def metadata(self, told):
        return told

    def told(self, result):
        """The client shows no headers of an answer."""
        return {}

    def test_data_goes_as_json_too(self):
        as_json = {kind: {"binary_data": False} for kind in FINITE}
        names = [f"out/{kind}" for kind in TENSORS]
        result = self.infer(self.account(), TYPES, self.types(**as_json), outputs=self.wanted(*names, binary_data=False))
        for kind, array in TENSORS.items():
            with self.subTest(kind):
                self.assertIn("data", result.get_output(f"out/{kind}"))
                got, expected = result.as_numpy(f"out/{kind}").tolist(), array.tolist()
                if kind == "BYTES":
                    expected = [[element.decode() for element in row] for row in expected]
                self.assertEqual(got, expected)

    def test_binary_and_json_are_mixed(self):
        every_second = {kind: {"binary_data": False} for kind in sorted(FINITE)[::2]}
        outputs = self.wanted("out/INT8", "out/BYTES") + self.wanted("out/FP64", "out/BOOL", binary_data=False)
        result = self.infer(self.account(), TYPES, self.types(**every_second), outputs=outputs)
        for kind, field in [("INT8", "parameters"), ("BYTES", "parameters"), ("FP64", "data"), ("BOOL", "data")]:
            self.assertIn(field, result.get_output(f"out/{kind}"))
            self.assertEqual(result.as_numpy(f"out/{kind}").tolist(), TENSORS[kind].tolist())

    def test_bodies_are_packed_both_ways(self):
        key = self.account()
        zeros = np.zeros((512, 1024), dtype=np.float32)
        for there in [None, "gzip", "deflate"]:
            for back in [None, "gzip", "deflate"]:
                how = {"request_compression_algorithm": there, "response_compression_algorithm": back}
                with self.subTest(**how):
                    self.assertEqual(self.iris(key, **how).as_numpy("label").tolist(), [0, 2])
                    result = self.infer(key, ECHO, [self.input("x", zeros)], **how)
                    self.assertTrue(np.array_equal(result.as_numpy("y"), zeros))
                    result = self.iris(key, outputs=self.wanted("label", binary_data=False), **how)
                    self.assertEqual(result.as_numpy("label").tolist(), [0, 2])

    def test_headers_of_an_earlier_call_are_refused_as_what_they_are(self):
        # The client writes its own headers into the caller's dict.
        key = self.account()
        headers = {"authorization": f"Bearer {key}"}
        infer = lambda **how: self.client.infer(IRIS, [self.input("features", SAMPLE)], headers=headers, **how)
        infer(request_compression_algorithm="gzip")
        self.assertEqual(headers["Content-Encoding"], "gzip")
        self.refused("400", "the body is not gzip, as its Content-Encoding says", infer)
        self.assertEqual(self.cash(key), 1 - FEE)

    def test_half_precision_as_json_is_refused_with_advice(self):
        data = {"name": "in FP16:0", "shape": [1, 1], "datatype": "FP16", "data": [1]}
        refused = HUB.call(self.account(), TYPES, {"inputs": [data]})
        self.assertEqual(refused.status, 400)
        self.assertIn("has no JSON form; expected binary data", refused.json["error"])
        self.assertIn("binary_data=True", refused.json["hint"])


class Grpc(Protocol, unittest.TestCase):
    lib, surface = tritonclient.grpc, "grpc"
    MISSING, BAD_INPUT = "StatusCode.NOT_FOUND", "StatusCode.INVALID_ARGUMENT"
    NO_KEY, NO_MONEY = "StatusCode.UNAUTHENTICATED", "StatusCode.RESOURCE_EXHAUSTED"
    NO_METHOD = "StatusCode.UNIMPLEMENTED"

    def metadata(self, told):
        return MessageToDict(told, preserving_proto_field_name=True)

    def told(self, result):
        """What HTTP has in headers."""
        return {name: told.string_param for name, told in result.get_response().parameters.items()}

    def test_messages_may_be_packed(self):
        key = self.account()
        for how in ["gzip", "deflate"]:
            self.assertEqual(self.iris(key, compression_algorithm=how).as_numpy("label").tolist(), [0, 2])

    def test_the_answer_says_what_it_cost_and_where_its_receipt_is(self):
        key = self.account()
        told = self.told(self.iris(key))
        self.assertEqual((told["x-cost"], told["x-paid-from"], told["x-model-release"]), (str(FEE), "cash", "1.00"))
        receipt = HUB.cli(key, "receipt", told["x-receipt-id"], "--verify")
        self.assertIn(told["x-receipt-id"], str(receipt))
        self.assertNotIn("idempotent-replayed", told)

    def test_typed_contents_are_answered_typed(self):
        # Other clients send elements in lists of their types; the generated stubs are theirs, too.
        key = self.account()
        request = service_pb2.ModelInferRequest(model_name=IRIS)
        given = request.inputs.add(name="features", datatype="FP32", shape=SAMPLE.shape)
        given.contents.fp32_contents.extend(SAMPLE.flatten().tolist())
        with grpc.insecure_channel(HUB.url.removeprefix("http://")) as channel:
            infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
            metadata = [("authorization", f"Bearer {key}")]
            answer, call = infer.with_call(request, metadata=metadata)
            self.assertEqual(dict(call.initial_metadata())["x-cost"], str(FEE))
            self.assertEqual(list(answer.outputs[0].contents.int64_contents), [0, 2])
            self.assertEqual(len(answer.outputs[1].contents.fp32_contents), 6)
            self.assertEqual(len(answer.raw_output_contents), 0)
            request.raw_input_contents.append(SAMPLE.tobytes())
            with self.assertRaises(grpc.RpcError) as raised:
                infer(request, metadata=metadata)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("has contents beside raw_input_contents", raised.exception.details())
            self.assertEqual(dict(raised.exception.trailing_metadata())["x-error-code"], "invalid_input")
        self.assertEqual(self.cash(key), 1 - FEE)

    def test_a_message_past_the_limit_is_refused_with_it(self):
        key = self.account()
        large = np.zeros((4096, 1024), dtype=np.float32)
        too_large = lambda: self.infer(key, ECHO, [self.input("x", large)])
        self.refused("StatusCode.RESOURCE_EXHAUSTED", "larger than 16777216 bytes", too_large)

    def test_calls_side_by_side_get_each_their_own_answer(self):
        key, answers = self.account(), []
        inputs = [np.full((2, 3), number, dtype=np.float32) for number in range(16)]
        for array in inputs:
            self.client.async_infer(
                ECHO,
                [self.input("x", array)],
                callback=lambda result, error: answers.append(error or result.as_numpy("y")[0, 0].item()),
                headers={"authorization": f"Bearer {key}"},
            )
        until("all are answered", lambda: len(answers) == 16)
        self.assertEqual(sorted(answers), [float(number) for number in range(16)])
        self.assertEqual(self.cash(key), 1 - 16 * FEE)
