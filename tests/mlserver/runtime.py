"""The whole of what an owner writes to have MLServer run an ONNX model."""

import mlserver
import onnxruntime
from mlserver.codecs.numpy import NumpyCodec, to_datatype
from mlserver.types import InferenceResponse, ResponseOutput
from mlserver.utils import get_model_uri


class OnnxRuntime(mlserver.MLModel):
    async def load(self):
        self.session = onnxruntime.InferenceSession(await get_model_uri(self.settings))
        self.names = [output.name for output in self.session.get_outputs()]
        return True

    async def predict(self, payload):
        inputs = {given.name: NumpyCodec.decode_input(given) for given in payload.inputs}
        answers = zip(self.names, self.session.run(self.names, inputs))
        return InferenceResponse(model_name=self.name, outputs=[encoded(*answer) for answer in answers])


def encoded(name, array):
    # NumpyCodec would give what has one axis a second one.
    shape, datatype, data = list(array.shape), to_datatype(array.dtype), array.ravel().tolist()
    return ResponseOutput(name=name, shape=shape, datatype=datatype, data=data)
