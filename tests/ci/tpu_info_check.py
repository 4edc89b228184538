"""Google's side of the cross-check in tests/it/tpu.rs: its client on our stand-in, its messages for our client.

    tpu_info_check.py read PORT GENERATION    what `tpu_info.metrics.get_chip_usage` reads there, as JSON
    tpu_info_check.py serve [UNKNOWN]         two devices over grpcio, without the metric UNKNOWN; says its port
"""

import json
import sys
from concurrent import futures

import grpc
from tpu_info import device, metrics
from tpu_info.proto import tpu_metric_service_pb2 as messages
from tpu_info.proto import tpu_metric_service_pb2_grpc as services

GIB = 1 << 30
# By metric: device, value, out of order.
PLAYED = {
    "tpu.runtime.tensorcore.dutycycle.percent": [(1, 75.0), (0, 25.0)],
    "tpu.runtime.hbm.memory.usage.bytes": [(0, GIB), (1, 3 * GIB)],
    "tpu.runtime.hbm.memory.total.bytes": [(1, 16 * GIB), (0, 16 * GIB)],
}


class Service(services.RuntimeMetricServiceServicer):
    def __init__(self, unknown):
        self.unknown = unknown

    def GetRuntimeMetric(self, request, context):
        name = request.metric_name
        if name == self.unknown or name not in PLAYED:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no {name}")
        answer = messages.MetricResponse()
        answer.metric.name = name
        for number, value in PLAYED[name]:
            metric = answer.metric.metrics.add()
            metric.attribute.key = "device-id"
            metric.attribute.value.int_attr = number
            metric.timestamp.GetCurrentTime()
            if isinstance(value, float):
                metric.gauge.as_double = value
            else:
                metric.gauge.as_int = value
        return answer


def main():
    if sys.argv[1] == "read":
        usage = metrics.get_chip_usage(device.TpuChip[sys.argv[3]], f"localhost:{sys.argv[2]}")
        print(json.dumps([list(one) for one in usage]))
        return
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    unknown = sys.argv[2] if len(sys.argv) > 2 else ""
    services.add_RuntimeMetricServiceServicer_to_server(Service(unknown), server)
    port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    server.start()
    print(f"port {port}", file=sys.stderr, flush=True)
    server.wait_for_termination()


main()
