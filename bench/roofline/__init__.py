"""What the kernels of all workloads take on an H200, without one: registers, bytes, operations, and times estimated.

    python -m bench.roofline                        all workloads at their full sizes, on the terminal
    python -m bench.roofline --json FILE            and as JSON, for `python -m bench.page`
    python -m bench.roofline --only W1,W3

NVRTC compiles every kernel to sm_90, which needs no GPU; NVIDIA's `nvdisasm` (package `nvidia-cuda-nvdisasm`) shows the
instructions.  No time is measured: the estimates say which of memory, arithmetic, latency and launches bounds a kernel,
and by how much.  They know nothing of caches, of bank conflicts and of how well a library does.

Where to start: `programs.py` finds the kernels of a function and how often each is launched, `machine_code.py` reads
what the compiler made of them, `operations.py` counts what they compute, `device.py` is the device and the estimate,
`published.py` what others have measured.
"""
