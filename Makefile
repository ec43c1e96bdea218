# Every command sets up what it needs; Python 3.10 or newer and make are all that must be there.
#
#   make demo      the solar system over ten years (examples/solar_system.py)
#   make test      lint, then the whole test suite
#   make lint      ruff and mypy
#   make kernels   compile the C++ headers on the host and, with nvcc, for the device, and run their tests (needs cmake)
#   make docs      a page for each module, with examples that are run, as HTML in build/site
#   make test-full   thousands of generated calls of every public function, against JAX, their derivatives, and what
#                  wrong calls say; convolutions (SURFACE_CASES, CONVOLUTION_CASES, about 45 minutes)
#   make test-cudnn   cuDNN itself plans convolutions, without a GPU (then needs cc): the wheels, which are large, go to an
#                  environment of their own, build/cudnn-venv (1.5 GB)
#   make test-array-api   the suite of the Python array API standard, in 64 bits (then needs git); what fails, and why, is
#                  listed in tests/array_api/xfails.txt
#   make test-codes   published physics codes give under cujax what they give under JAX; the codes, pinned in
#                  tests/codes/requirements.txt, go to an environment of their own, build/codes-venv
#   make device-check   on a machine with a GPU: the device's own checks, the benchmarks and the suite, within nine
#                  minutes; leaves a report in bench/results/ (bench/device_check.py says how to do without VENV);
#                  with EMULATE=1 the same code without a GPU, on an emulator, at small sizes
#   make clean     remove the environment and everything built
#
# Variables: PYTHON (interpreter the environment is made from), VENV (where it stands), JOBS (test processes),
# DEMO_ARGS (for the demo, e.g. "--years 1"), PYTEST_ARGS (for pytest, e.g. "-k scan"),
# CUDNN_CASES (convolutions for each dtype in test-cudnn; 100 take three minutes),
# ARRAY_API_EXAMPLES (for each test of test-array-api; 5 take three minutes),
# DEVICE_CHECK_ARGS (for the device check, e.g. "--minutes 5 --only checks"),
# GPU (extra that brings CuPy: cuda12, cuda13, or empty for none; by default cuda12 where a driver answers).

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
CUDNN_VENV ?= build/cudnn-venv
CUDNN_CASES ?= 100
CODES_VENV ?= build/codes-venv
SURFACE_CASES ?= 6000
CONVOLUTION_CASES ?= 2400
ARRAY_API_SUITE ?= build/array-api-tests
ARRAY_API_COMMIT ?= 55fcc60
ARRAY_API_EXAMPLES ?= 20
GPU ?= $(if $(shell nvidia-smi --list-gpus 2>/dev/null),cuda12)

comma := ,
with_gpu = $(if $(GPU),$(comma)$(GPU))
bin := $(VENV)/bin
native := cujax/engine/ground/native
wanted := setup.py pyproject.toml $(wildcard $(native)/*.c $(native)/*.h)

.DELETE_ON_ERROR:
.PHONY: demo docs test test-full lint kernels test-cudnn test-array-api test-codes device-check clean

demo: $(VENV)/.demo-ready
	$(bin)/python examples/solar_system.py $(DEMO_ARGS)

test: lint
	$(bin)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

docs: $(VENV)/.docs-ready
	CUJAX_PLATFORM=cpu $(bin)/python -W ignore docs/pages.py build/docs
	$(bin)/mkdocs build --quiet --clean --config-file docs/mkdocs.yml

test-full: $(VENV)/.test-ready
	CUJAX_SURFACE_CASES=$(SURFACE_CASES) CUJAX_CONVOLUTION_CASES=$(CONVOLUTION_CASES) \
	$(bin)/python -m pytest -n $(JOBS) tests/surface/test_generated.py tests/surface/test_derivatives.py \
		tests/surface/test_error_names.py tests/surface/test_error_classes.py \
		tests/ops/test_convolution_grid.py $(PYTEST_ARGS)

lint: $(VENV)/.test-ready
	$(bin)/ruff check .
	$(bin)/mypy

kernels:
	cmake -S . -B build/kernels -DCMAKE_BUILD_TYPE=Release
	cmake --build build/kernels --parallel $(JOBS)
	ctest --test-dir build/kernels --output-on-failure

# Only the folder's own conftest.py is read: that of the suite imports JAX.
test-cudnn: $(CUDNN_VENV)/.ready
	CUJAX_TEST_CUDNN=1 CUJAX_CUDNN_CASES=$(CUDNN_CASES) CUJAX_PLATFORM=cpu CUJAX_HOST_COMPILER=off \
	$(CUDNN_VENV)/bin/python -m pytest --confcutdir=tests/cudnn tests/cudnn $(PYTEST_ARGS)

test-array-api: $(VENV)/.test-ready $(ARRAY_API_SUITE)/.ready
	cd $(ARRAY_API_SUITE) && PYTHONPATH=needs CUJAX_ENABLE_X64=1 CUJAX_PLATFORM=cpu ARRAY_API_TESTS_MODULE=cujax.numpy \
	ARRAY_API_TESTS_VERSION=2024.12 $(abspath $(bin))/python -m pytest array_api_tests -q -p no:cacheprovider \
	--max-examples=$(ARRAY_API_EXAMPLES) --hypothesis-disable-deadline --derandomize --disable-warnings \
	--xfails-file=$(abspath tests/array_api/xfails.txt) $(PYTEST_ARGS)

# As for test-cudnn: the conftest.py of the suite is not read.
test-codes: $(CODES_VENV)/.ready
	CUJAX_TEST_CODES=1 $(CODES_VENV)/bin/python -m pytest --confcutdir=tests/codes tests/codes -s $(PYTEST_ARGS)

device-check: $(VENV)/.test-ready
	$(bin)/python -m bench.device_check $(if $(EMULATE),--emulate) $(DEVICE_CHECK_ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis $(native)/*.so
	find cujax tests examples bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# A stamp inside the environment for each set of extras: installed again only when the packaging or the C code changes.
$(VENV)/.demo-ready: extras := demo
$(VENV)/.test-ready: extras := test
$(VENV)/.docs-ready: extras := docs
$(VENV)/.%-ready: $(wanted) | $(VENV)/bin/python
	$(bin)/python -m pip install --quiet --editable ".[$(extras)$(with_gpu)]"
	touch $@

$(CUDNN_VENV)/.ready: pyproject.toml
	test -x $(CUDNN_VENV)/bin/python || $(PYTHON) -m venv $(CUDNN_VENV)
	$(CUDNN_VENV)/bin/python -m pip install --quiet "nvidia-cudnn-cu13>=9.8,<10" nvidia-cuda-nvrtc \
	numpy fastrlock ml_dtypes opt_einsum pytest
	touch $@

# The C extension is built into the tree, as the development install of VENV builds it.
$(CODES_VENV)/.ready: tests/codes/requirements.txt $(wanted)
	test -x $(CODES_VENV)/bin/python || $(PYTHON) -m venv $(CODES_VENV)
	$(CODES_VENV)/bin/python -m pip install --quiet --no-deps --requirement tests/codes/requirements.txt
	$(CODES_VENV)/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

$(ARRAY_API_SUITE)/.ready: | $(VENV)/bin/python
	test -d $(ARRAY_API_SUITE) || git clone --quiet https://github.com/data-apis/array-api-tests $(ARRAY_API_SUITE)
	cd $(ARRAY_API_SUITE) && git checkout --quiet $(ARRAY_API_COMMIT) && git submodule --quiet update --init
	$(bin)/python -m pip install --quiet --no-deps --target $(ARRAY_API_SUITE)/needs \
	ndindex pytest-json-report pytest-metadata
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 10) or sys.exit('cujax needs Python 3.10 or newer, \
	this is ' + sys.version.split()[0] + '; name another with: make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
