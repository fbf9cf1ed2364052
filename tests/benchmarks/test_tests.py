"""The measurement of the tests themselves."""

from benchmarks.tests import read_report, summary

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="one" file="tests/test_a.py" time="2.0" />
<testcase classname="a" name="two" file="tests/test_a.py" time="6.0"><failure /></testcase>
<testcase classname="b" name="Cell 3" file="notebooks/b.ipynb" time="10.0" />
</testsuite></testsuites>"""


def test_the_summary_names_the_ratio_the_count_and_the_slowest_first(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    tests, files = read_report(path)
    assert files == {"notebooks/b.ipynb": 10, "tests/test_a.py": 8}
    text = summary(50, 4.0, tests, files)
    assert "took 12.5 TFI" in text
    assert "3 tests" in text
    rows = [line.split(" | ") for line in text.splitlines() if "::" in line]
    assert [row[0].removeprefix("| ") for row in rows] == [
        "notebooks/b.ipynb::Cell 3",
        "tests/test_a.py::two",
        "tests/test_a.py::one",
    ]
    assert rows[0][1] == "2.50 |"
