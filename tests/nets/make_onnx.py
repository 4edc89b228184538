"""Makes mlp.onnx, which the tests send requests to: python3 make_onnx.py, in this folder, with onnx and numpy."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

numbers = numpy.random.default_rng(1)
weights = {
    "hidden": numbers.normal(0, 0.1, (64, 16)).astype("float32"),
    "head": numbers.normal(0, 0.1, (16, 10)).astype("float32"),
}
nodes = [
    helper.make_node("Flatten", ["x"], ["flat"]),
    helper.make_node("MatMul", ["flat", "hidden"], ["before"]),
    helper.make_node("Relu", ["before"], ["after"]),
    helper.make_node("MatMul", ["after", "head"], ["y"]),
]
graph = helper.make_graph(
    nodes,
    "mlp",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["samples", 1, 8, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["samples", 10])],
    [numpy_helper.from_array(values, name) for name, values in weights.items()],
)
net = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(net)
onnx.save(net, "mlp.onnx")
