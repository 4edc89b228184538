"""What TensorBoard reads of a folder: scalars by run, and the table of its hparams plugin."""
import sys

from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams import plugin_data_pb2

folder, tag = sys.argv[1:]
runs = EventMultiplexer().AddRunsFromDirectory(folder)
runs.Reload()
for run in sorted(runs.Runs()):
    hparams = runs.PluginRunToTagToContent("hparams").get(run, {})
    for name, content in sorted(hparams.items()):
        data = plugin_data_pb2.HParamsPluginData.FromString(content)
        if data.HasField("experiment"):
            experiment = data.experiment
            print(run, "experiment", [info.name for info in experiment.hparam_infos], len(experiment.metric_infos))
        elif data.HasField("session_start_info"):
            print(run, "start", sorted(data.session_start_info.hparams), data.session_start_info.group_name)
        elif data.HasField("session_end_info"):
            print(run, "end", data.session_end_info.status)
    tags = runs.GetAccumulator(run).Tags()["tensors"]
    for name in (tag, "course/train_loss"):
        if name in tags:
            points = [(event.step, event.tensor_proto.float_val[0]) for event in runs.Tensors(run, name)]
            print(run, name, points)
