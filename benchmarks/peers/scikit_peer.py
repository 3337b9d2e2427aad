"""scikit-learn: logistic regression on TF-IDF of the train lines, the honest line without a language model."""

from typing import Any

from job import Job, found, main
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def search(job: Job) -> dict[str, Any]:
    """There is nothing to search."""
    del job
    return found("scikit-learn", instruction="", demonstrations=0, messages=[], state={})


def answer(job: Job) -> list[str]:
    """Learn from the train lines, and answer."""
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(max_iter=1000, C=10.0)
    model.fit(vectors.fit_transform([line["input"] for line in job.train]), [line["expected"] for line in job.train])
    return [str(label) for label in model.predict(vectors.transform(job.inputs))]


if __name__ == "__main__":
    main(search, answer)
