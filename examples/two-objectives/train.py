"""A small neural network on scikit-learn's digits: how right it is, and how long it takes to answer."""

import json
import os
import time
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # thirty passes are meant to be enough
units, layers = int(os.environ["PARAM_units"]), int(os.environ["PARAM_layers"])
train, valid, train_labels, valid_labels = train_test_split(*load_digits(return_X_y=True), random_state=0)
network = MLPClassifier(
    hidden_layer_sizes=(units,) * layers,
    learning_rate_init=float(os.environ["PARAM_rate"]),
    max_iter=30,
    random_state=0,
).fit(train / 16, train_labels)

times = []
for _ in range(20):
    begin = time.perf_counter()
    network.predict(valid / 16)
    times.append(time.perf_counter() - begin)
milliseconds = 1e3 * sorted(times)[len(times) // 2]
print(json.dumps({"accuracy": network.score(valid / 16, valid_labels), "latency": milliseconds}))
