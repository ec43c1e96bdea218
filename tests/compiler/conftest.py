"""`pytest tests/compiler --update-golden` writes the kernels' texts anew; read the difference before it is kept."""


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the golden files of tests/compiler")
