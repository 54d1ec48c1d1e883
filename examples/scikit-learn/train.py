"""A random forest on scikit-learn's digits, judged by cross-validation. It reads its settings from a JSON file."""

import json
import os
import pathlib

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

parameters = json.loads(pathlib.Path(os.environ["TEMPER_PARAMETERS"]).read_text(encoding="utf-8"))
images, labels = load_digits(return_X_y=True)
forest = RandomForestClassifier(
    n_estimators=parameters["trees"],
    max_depth=parameters["depth"],
    max_features=parameters["features"],
    random_state=0,
)
scores = cross_val_score(forest, images, labels, cv=3)
print(json.dumps({"accuracy": scores.mean(), "spread": scores.std()}))
