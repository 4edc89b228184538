"""What MLflow's own client reads of a server: the runs of an experiment, with their metrics, parameters and artefacts."""
import sys

import mlflow
from mlflow.tracking import MlflowClient

address, name = sys.argv[1:]
mlflow.set_tracking_uri(address)
client = MlflowClient()
experiment = client.get_experiment_by_name(name)
runs = client.search_runs([experiment.experiment_id], order_by=["attributes.run_name"])
for run in sorted(runs, key=lambda run: run.info.run_name):
    data = run.data
    files = sorted(item.path for item in client.list_artifacts(run.info.run_id))
    print(run.info.run_name, run.info.status, len(data.params), data.params.get("dropout"), files)
    for key in ("train_loss", "train/train.throughput", "train/train.throughput_low"):
        history = client.get_metric_history(run.info.run_id, key)
        if history:
            print(" ", key, [(point.step, point.value) for point in history])
