"""Three kinds of classifier on scikit-learn's digits; each has settings of its own."""

import os

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def given(name: str) -> str:
    """A parameter of this trial. One that is not active in it is not in its environment."""
    return os.environ[f"PARAM_{name}"]


if given("model") == "forest":
    model = RandomForestClassifier(n_estimators=int(given("trees")), random_state=0)
elif given("model") == "logistic":
    model = make_pipeline(StandardScaler(), LogisticRegression(C=float(given("strength")), max_iter=200))
else:
    width = float(given("width")) if given("kernel") == "rbf" else "scale"
    model = make_pipeline(StandardScaler(), SVC(C=float(given("strength")), kernel=given("kernel"), gamma=width))

images, labels = load_digits(return_X_y=True)
print(f"accuracy={cross_val_score(model, images, labels, cv=3).mean():.4f}")
