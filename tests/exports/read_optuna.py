"""What Optuna reads of a journal, and that optuna-dashboard, where there is one, shows it."""
import json
import sys
from wsgiref.util import setup_testing_defaults

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = JournalStorage(JournalFileBackend(sys.argv[1]))
for summary in optuna.get_all_study_summaries(storage):
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    print(study.study_name, [direction.name for direction in study.directions], study.metric_names)
    for trial in study.trials:
        print(trial.number, trial.state.name, trial.values, trial.params, trial.user_attrs["cell"])
    best = study.best_trials if len(study.directions) > 1 else [study.best_trial]
    print("best", [trial.number for trial in best])
    # Optuna goes on from there.
    study.add_trial(study.trials[0])
try:
    from optuna_dashboard import wsgi
except ImportError:
    sys.exit()
asked = {"PATH_INFO": "/api/studies"}
setup_testing_defaults(asked)
status = []
shown = wsgi(storage)(asked, lambda line, headers, error=None: status.append(line))
studies = json.loads(b"".join(shown))["study_summaries"]
assert status == ["200 OK"], status
print("dashboard", len(studies))
