"""Machine code for this processor, and the threads that run it.

Compiling a kernel takes about a tenth of a second, less than finding and checking a cached one on disk would be worth;
so each process compiles what it uses, once, and nothing can be out of date.
"""

import ctypes
import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import torch
from llvmlite import binding as llvm

from steepest.kernels.emit import THREAD_NUMBER
from steepest.kernels.table import Job

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_compiling = threading.Lock()


class Kernel:
    """A compiled `void kernel(int64 *job)`."""

    def __init__(self, address: int, name: str) -> None:
        self.address, self.name = address, name
        self._call = _SIGNATURE(address)

    def run(self, job: Job, threads: int) -> None:
        """Work the job off with so many threads; the interpreter is free meanwhile."""
        address = job.begin(threads)
        if threads <= 1 or _forked:
            self._call(address)
        else:
            _in_parallel()(self, address, threads)


@functools.cache
def _machine() -> tuple[llvm.TargetMachine, llvm.LLJIT]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    machine = target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True)
    return machine, llvm.create_lljit_compiler(machine)


@functools.cache
def _loaded(text: str) -> tuple[Kernel, llvm.ResourceTracker]:
    machine, linker = _machine()
    module = llvm.parse_assembly(text)
    module.verify()
    name = f"kernel{_loaded.cache_info().misses}"
    image = machine.emit_object(module)
    parts = llvm.JITLibraryBuilder().add_object_img(image).export_symbol("kernel")
    library = _with_thread_number(parts).link(linker, name)
    return Kernel(library["kernel"], name), library


def _with_thread_number(parts: llvm.JITLibraryBuilder) -> llvm.JITLibraryBuilder:
    openmp = _openmp()
    if openmp is None:  # then all threads begin with the same share
        return parts.add_ir(f"define i32 @{THREAD_NUMBER}() {{ ret i32 0 }}")
    return parts.import_symbol(THREAD_NUMBER, ctypes.cast(openmp.omp_get_thread_num, ctypes.c_void_p).value)


def compiled(text: str) -> Kernel:
    """The kernel of an LLVM text, compiled for this processor once a process."""
    with _compiling:
        return _loaded(text)[0]


# A forked child has none of its parent's threads, and an OpenMP runtime that waits for them for ever.
_forked = False


def _mark_child() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_child)


@functools.cache
def _in_parallel():
    """How to run a kernel in several threads: in torch's own OpenMP threads, which are awake after a backward pass."""
    openmp = _openmp()
    if openmp is None:
        return _in_a_pool
    start = openmp.GOMP_parallel
    start.argtypes, start.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint), None
    return lambda kernel, job, threads: start(kernel.address, job, threads, 0)


@functools.cache
def _openmp() -> ctypes.CDLL | None:
    folder = Path(torch.__file__).parent / "lib"
    for path in (None, *sorted(folder.glob("lib*omp*"))):
        try:
            library = ctypes.CDLL(path if path is None else str(path))
        except OSError:
            continue
        if hasattr(library, "GOMP_parallel"):
            return library
    return None


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="steepest")


def _in_a_pool(kernel: Kernel, job: int, threads: int) -> None:
    others = [_pool(threads - 1).submit(kernel._call, job) for _ in range(threads - 1)]
    kernel._call(job)
    wait(others)
