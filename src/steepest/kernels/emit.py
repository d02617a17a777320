"""From a traced program to LLVM: one loop over chunks of memory that reads each array once and writes it once.

The arithmetic is strict: every operation is rounded in the order in which the rule writes it, nothing is contracted,
so the loop gives the bits that the plain rule gives in the same precision.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from llvmlite import ir

from steepest.kernels import rounding
from steepest.kernels.table import (
    CHUNKS,
    CONSTANTS,
    COUNT,
    FIRST_ADDRESS,
    FIRST_SHARE,
    ORDER,
    ROW,
    SHARES,
    TABLE,
    Array,
)
from steepest.kernels.trace import Traced

THREAD_NUMBER = "thread_number"  # int32 thread_number(void), for the linker to find
LANE_BYTES = 64  # one vector of the widest machines; LLVM splits it where registers are narrower
INT64, INT32, INT16, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(16), ir.IntType(1)
POINTER = ir.PointerType()

Entry = Callable[[int], ir.Value]  # a chunk's number in a column of the table

REAL = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


@cache
def kernel_ir(traced: Traced, arrays: tuple[Array, ...], compute: str) -> str:
    """LLVM's text of `void kernel(int64 *job)`, which takes chunk after chunk of the job until none is left.

    arrays: one column of addresses each, in order.  compute: "float32" or "float64", in which the arithmetic is done.
    What is written as bfloat16 is rounded stochastically where `rounding.KEY` is a scalar, else to nearest.
    Several threads may run it on the same job.
    """
    function = _function()
    _Updates(function, traced, arrays, compute).emit()
    return str(function.module)


def squares_ir(dtype: str, column: int) -> str:
    """LLVM's text of a kernel that adds up the squares of one array, chunk by chunk, in double precision.

    The job's constants are the place for the sums, one a chunk, so that the total does not depend on who did what.
    """
    function = _function()
    _Squares(function, dtype, column).emit()
    return str(function.module)


def _function() -> ir.Function:
    module = ir.Module(name="steepest")
    ir.Function(module, ir.FunctionType(INT32, []), name=THREAD_NUMBER)
    return ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), name="kernel")


class _Chunks:
    """A kernel that takes chunk after chunk of a job, its thread's own share first, until none is left."""

    width: int
    chunk: ir.Value  # the number of the chunk at hand

    def __init__(self, function: ir.Function) -> None:
        self.function = function
        self.builder: Any = ir.IRBuilder(function.append_basic_block("entry"))

    def emit(self) -> None:
        b, job = self.builder, self.function.args[0]
        chunks, table, constants, order, shares = (
            self._word(job, k) for k in (CHUNKS, TABLE, CONSTANTS, ORDER, SHARES)
        )
        table, constants, order = (b.inttoptr(x, POINTER) for x in (table, constants, order))
        own = b.zext(b.call(b.module.globals[THREAD_NUMBER], []), INT64)

        def one_share(turn: ir.Value, _: Any) -> None:
            number = b.srem(b.add(own, turn), shares)
            share = b.gep(job, [b.add(INT64(FIRST_SHARE), b.mul(INT64(2), number))], source_etype=INT64)
            end = self._word(share, 1)
            fetch, work, done = (self.function.append_basic_block(name) for name in ("fetch", "work", "done"))
            b.branch(fetch)
            b.position_at_end(fetch)
            place = b.atomic_rmw("add", share, INT64(1), "monotonic")
            b.cbranch(b.icmp_signed("<", place, end), work, done)
            b.position_at_end(work)
            self.chunk = chunk = self._word(order, place)
            self._chunk(lambda column: self._word(table, b.add(b.mul(INT64(column), chunks), chunk)), constants)
            b.branch(fetch)
            b.position_at_end(done)

        self._loop(INT64(0), shares, 1, one_share)
        b.ret_void()

    def _chunk(self, entry: "Entry", constants: ir.Value) -> None:
        raise NotImplementedError

    def _word(self, base: ir.Value, index: Any) -> ir.Value:
        index = INT64(index) if isinstance(index, int) else index
        return self.builder.load(self.builder.gep(base, [index], source_etype=INT64), typ=INT64)

    def _loop(
        self,
        start: ir.Value,
        stop: ir.Value,
        lanes: int,
        body: Callable[[ir.Value, ir.Value | None], ir.Value | None],
        carried: ir.Value | None = None,
    ) -> ir.Value | None:
        """`body(i, carried)` for i from start to stop in steps of so many lanes; what it returns is carried on."""
        b, before = self.builder, self.builder.block
        head, inside, after = (self.function.append_basic_block(name) for name in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        i, held = b.phi(INT64), None if carried is None else b.phi(carried.type)  # pyright: ignore[reportAttributeAccessIssue]
        i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<", i, stop), inside, after)
        b.position_at_end(inside)
        result = body(i, held)
        i.add_incoming(b.add(i, INT64(lanes)), b.block)
        if held is not None:
            held.add_incoming(carried, before)
            held.add_incoming(result, b.block)
        b.branch(head)
        b.position_at_end(after)
        return held


class _Squares(_Chunks):
    width = LANE_BYTES // 4

    def __init__(self, function: ir.Function, dtype: str, column: int) -> None:
        super().__init__(function)
        self.dtype, self.column = dtype, column

    def _chunk(self, entry: "Entry", constants: ir.Value) -> None:
        b, real = self.builder, REAL["float64"]
        base, count = b.inttoptr(entry(self.column), POINTER), entry(COUNT)
        whole = b.and_(count, INT64(-self.width))
        zeros = ir.Constant(ir.VectorType(real, self.width), [0.0] * self.width)
        sums = self._loop(INT64(0), whole, self.width, self._adder(base, self.width), zeros)
        total = self._loop(whole, count, 1, self._adder(base, 1), ir.Constant(real, 0.0))
        for lane in range(self.width):
            total = b.fadd(total, b.extract_element(sums, INT32(lane)))
        b.store(total, b.gep(constants, [self.chunk], source_etype=real))

    def _adder(self, base: ir.Value, lanes: int) -> Callable[[ir.Value, Any], ir.Value]:
        b, compute = self.builder, REAL["float64" if self.dtype == "float64" else "float32"]
        step = _Lanes(b, compute, lanes)

        def add(i: ir.Value, total: Any) -> ir.Value:
            x = step.load(base, i, self.dtype)
            wide = x if self.dtype == "float64" else b.fpext(x, step.type(REAL["float64"]))
            return b.fadd(total, b.fmul(wide, wide))

        return add


class _Updates(_Chunks):
    def __init__(self, function: ir.Function, traced: Traced, arrays: Sequence[Array], compute: str) -> None:
        super().__init__(function)
        self.traced, self.arrays, self.compute = traced, arrays, compute
        self.real = REAL[compute]
        self.width = LANE_BYTES // (4 if compute == "float32" else 8)

    def _chunk(self, entry: "Entry", constants: ir.Value) -> None:
        b, texts = self.builder, self.traced.program.scalars
        count = entry(COUNT)
        first = b.mul(entry(ROW), INT64(len(texts)))
        numbers = b.gep(constants, [first], source_etype=REAL["float64"])
        bases = {a.name: b.inttoptr(entry(FIRST_ADDRESS + k), POINTER) for k, a in enumerate(self.arrays)}
        scalars = {text: self._constant(numbers, k) for k, text in enumerate(texts)}
        noise = self._noise(entry, numbers, texts) if rounding.KEY in texts else None
        whole = b.and_(count, INT64(-self.width))
        for start, stop, lanes in ((INT64(0), whole, self.width), (whole, count, 1)):
            step = _Lanes(b, self.real, lanes, noise)
            spread = {text: step.spread(value) for text, value in scalars.items()}
            self._loop(start, stop, lanes, lambda i, _, step=step, spread=spread: self._weights(step, bases, spread, i))

    def _noise(self, entry: "Entry", numbers: ir.Value, texts: Sequence[str]) -> "_Noise":
        b, real = self.builder, REAL["float64"]
        place = b.gep(numbers, [INT64(texts.index(rounding.KEY))], source_etype=real)
        return _Noise(b, entry(FIRST_ADDRESS + len(self.arrays)), b.fptoui(b.load(place, typ=real), INT64))

    def _constant(self, numbers: ir.Value, k: int) -> ir.Value:
        b = self.builder
        value = b.load(b.gep(numbers, [INT64(k)], source_etype=REAL["float64"]), typ=REAL["float64"])
        return value if self.compute == "float64" else b.fptrunc(value, self.real)

    def _weights(self, step: "_Lanes", bases: dict[str, ir.Value], scalars: dict[str, ir.Value], i: ir.Value) -> None:
        program, dtypes = self.traced.program, {a.name: a.dtype for a in self.arrays}
        values: list[ir.Value] = [step.load(bases[name], i, dtypes[name]) for name in program.inputs]

        def value(argument: int | str) -> ir.Value:
            return values[argument] if isinstance(argument, int) else scalars[argument]

        for operation, arguments in program.instructions:
            values.append(step.calculate(operation, *(value(a) for a in arguments)))
        numbers = {a.name: number for number, a in enumerate(self.arrays)}
        for name, result in self.traced.outputs.items():
            step.store(bases[name], i, dtypes[name], value(result), numbers[name])


class _Noise:
    """The random bits of stochastic rounding: `kernels.rounding.noise` for weights first, first + 1, …"""

    def __init__(self, builder: Any, first: ir.Value, key: ir.Value) -> None:
        self.builder = builder
        self.first = builder.trunc(builder.add(first, key), INT32)
        self.high = builder.trunc(builder.lshr(key, INT64(32)), INT32)

    def bits(self, step: "_Lanes", i: ir.Value, array: int) -> ir.Value:
        """16 random bits for each lane's weight, in 32-bit words."""
        b: Any = self.builder
        lanes = ir.Constant(step.type(INT32), list(range(step.lanes)) if step.lanes > 1 else 0)
        weights = b.add(step.spread(b.add(self.first, b.trunc(i, INT32))), lanes)
        key = b.or_(self.high, INT32(array << rounding.ARRAY_SHIFT))
        mixed = self._mixed(step, b.xor(self._mixed(step, weights), step.spread(key)))
        return b.lshr(mixed, step.full(INT32, 16))

    def _mixed(self, step: "_Lanes", x: ir.Value) -> ir.Value:
        b = self.builder
        for shift, factor in rounding.ROUNDS:
            x = b.mul(b.xor(x, b.lshr(x, step.full(INT32, shift))), step.full(INT32, factor))
        return b.xor(x, b.lshr(x, step.full(INT32, 16)))


class _Lanes:
    """Loads, stores and operations on one weight or on a vector of them."""

    def __init__(self, builder: Any, real: Any, lanes: int, noise: "_Noise | None" = None) -> None:
        self.builder, self.lanes, self.real, self.noise = builder, lanes, real, noise

    def type(self, one: Any) -> Any:
        return one if self.lanes == 1 else ir.VectorType(one, self.lanes)

    def full(self, one: Any, value: Any) -> ir.Constant:
        return ir.Constant(self.type(one), value if self.lanes == 1 else [value] * self.lanes)

    def spread(self, value: Any) -> ir.Value:
        """One number in every lane."""
        if self.lanes == 1:
            return value
        b, vector = self.builder, self.type(value.type)
        one = b.insert_element(ir.Constant(vector, ir.Undefined), value, INT32(0))
        return b.shuffle_vector(one, ir.Constant(vector, ir.Undefined), self.full(INT32, 0))

    def _at(self, base: ir.Value, i: ir.Value, one: Any) -> ir.Value:
        return self.builder.gep(base, [i], source_etype=one)

    def load(self, base: ir.Value, i: ir.Value, dtype: str) -> ir.Value:
        b, one = self.builder, {**REAL, "bfloat16": INT16, "float16": ir.HalfType()}[dtype]
        value = b.load(self._at(base, i, one), align=_bytes(dtype), typ=self.type(one))
        if dtype == "bfloat16":
            wide = b.shl(b.zext(value, self.type(INT32)), self.full(INT32, 16))
            return b.bitcast(wide, self.type(self.real))
        return b.fpext(value, self.type(self.real)) if dtype == "float16" else value

    def store(self, base: ir.Value, i: ir.Value, dtype: str, value: ir.Value, array: int) -> None:
        b, one = self.builder, {**REAL, "bfloat16": INT16, "float16": ir.HalfType()}[dtype]
        if dtype == "bfloat16":
            value = self._to_bfloat16(value, None if self.noise is None else self.noise.bits(self, i, array))
        elif dtype == "float16":
            value = b.fptrunc(value, self.type(one))
        b.store(value, self._at(base, i, one), align=_bytes(dtype))

    def _to_bfloat16(self, value: ir.Value, noise: ir.Value | None) -> ir.Value:
        """The nearest bfloat16, ties to even, or with noise one of the two around; NaN stays NaN."""
        b = self.builder
        bits = b.bitcast(value, self.type(INT32))
        odd = b.and_(b.lshr(bits, self.full(INT32, 16)), self.full(INT32, 1))
        rounded = b.add(bits, b.add(odd, self.full(INT32, 0x7FFF)) if noise is None else noise)
        top = b.trunc(b.lshr(rounded, self.full(INT32, 16)), self.type(INT16))
        nan = b.fcmp_unordered("uno", value, value)
        return b.select(nan, self.full(INT16, 0x7FC0), top)

    def calculate(self, operation: str, *x: ir.Value) -> ir.Value:
        b: Any = self.builder
        simple = {"add": b.fadd, "sub": b.fsub, "mul": b.fmul, "div": b.fdiv, "neg": b.fneg, "where": b.select}
        simple |= {"not": b.not_, "and": b.and_, "or": b.or_}
        if operation in simple:
            return simple[operation](*x)
        if operation in ("<", "<=", ">", ">=", "=="):
            return b.fcmp_ordered(operation, *x)
        if operation == "!=":
            return b.fcmp_unordered(operation, *x)
        return getattr(self, f"_{operation}")(*x)

    def _sqrt(self, x: ir.Value) -> ir.Value:
        return self._intrinsic("llvm.sqrt", x)

    def _abs(self, x: ir.Value) -> ir.Value:
        return self._intrinsic("llvm.fabs", x)

    def _intrinsic(self, name: str, x: ir.Value) -> ir.Value:
        kind, module = self.type(self.real), self.builder.module
        name += ("." if self.lanes == 1 else f".v{self.lanes}") + self.real.intrinsic_name
        if name not in module.globals:
            ir.Function(module, ir.FunctionType(kind, [kind]), name=name)
        return self.builder.call(module.globals[name], [x])

    def _number(self, condition: ir.Value) -> ir.Value:
        return self.builder.uitofp(condition, self.type(self.real))

    def _sign(self, x: ir.Value) -> ir.Value:
        b, zero = self.builder, self.full(self.real, 0.0)
        positive = self._number(b.fcmp_ordered(">", x, zero))
        return b.fsub(positive, self._number(b.fcmp_ordered("<", x, zero)))

    def _max(self, x: ir.Value, y: ir.Value) -> ir.Value:
        b = self.builder
        larger = b.select(b.fcmp_ordered(">", x, y), x, y)
        return b.select(b.fcmp_unordered("uno", x, x), x, larger)


def _bytes(dtype: str) -> int:
    return {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}[dtype]
