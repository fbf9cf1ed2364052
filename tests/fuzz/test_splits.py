"""Any labels and patients: three parts that share no patient, or one sentence."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import is_one_sentence

from helpers.data import DataError, Dataset, split


@st.composite
def datasets(draw):
    """Make a data set of files that are never opened."""
    count = draw(st.integers(1, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    known = draw(st.booleans())
    people = st.integers(0, draw(st.sampled_from([0, 3, 10, 1000]))).map(str)
    patients = draw(st.lists(people, min_size=count, max_size=count)) if known else None
    return Dataset(
        name="any",
        folder=Path("any"),
        files=tuple(Path(f"any/{index}.png") for index in range(count)),
        labels=tuple(sorted(labels)),
        patients=tuple(patients) if known else None,
        masks=None,
        simulated=False,
    )


@given(dataset=datasets(), seed=st.integers(0, 2**32 - 1))
def test_every_image_is_in_one_part_and_every_patient_too(dataset, seed):
    try:
        parts = split(dataset, seed)
    except DataError as error:
        assert is_one_sentence(error) and "too few" in str(error)
        return
    assert sorted(np.concatenate(parts)) == list(range(len(dataset)))
    labels = np.array(dataset.labels)
    assert all(set(labels[part]) == {0, 1} for part in parts)
    if dataset.patients:
        sides = [{dataset.patients[index] for index in part} for part in parts]
        assert sum(map(len, sides)) == len(set().union(*sides))
    assert all(np.array_equal(*pair) for pair in zip(parts, split(dataset, seed), strict=True))
