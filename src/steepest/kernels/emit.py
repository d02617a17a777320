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

Values = dict[int | str, ir.Value]  # of a program, by their numbers; of a scalar by its text

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


@cache
def reading_ir(traced: Traced, arrays: tuple[Array, ...], compute: str, norms: tuple[int, ...]) -> str:
    """LLVM's text of a kernel that adds up, chunk by chunk and in double precision, the squares behind these norms.

    Each sum goes into the norm's column of the table, so a total does not depend on who did what; nothing else is
    written. Norms that these need themselves are there by now.
    """
    function = _function()
    _Readings(norms, function, traced, arrays, compute).emit()
    return str(function.module)


def _function() -> ir.Function:
    module = ir.Module(name="steepest")
    ir.Function(module, ir.FunctionType(INT32, []), name=THREAD_NUMBER)
    return ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), name="kernel")


class _Chunks:
    """A kernel that takes chunk after chunk of a job, its thread's own share first, until none is left."""

    _place: Callable[[int], ir.Value]  # of the chunk at hand, in a column of the table

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
            chunk = self._word(order, place)
            self._place = lambda column: b.gep(table, [b.add(b.mul(INT64(column), chunks), chunk)], source_etype=INT64)
            self._chunk(constants)
            b.branch(fetch)
            b.position_at_end(done)

        self._loop(INT64(0), shares, 1, one_share)
        b.ret_void()

    def _chunk(self, constants: ir.Value) -> None:
        raise NotImplementedError

    def _entry(self, column: int) -> ir.Value:
        return self.builder.load(self._place(column), typ=INT64)

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


class _Weights(_Chunks):
    """A kernel that computes values of a program for each weight."""

    def __init__(self, function: ir.Function, traced: Traced, arrays: Sequence[Array], compute: str) -> None:
        super().__init__(function)
        self.traced, self.program, self.arrays, self.compute = traced, traced.program, arrays, compute
        self.dtypes = {a.name: a.dtype for a in arrays}
        after = FIRST_ADDRESS + len(arrays)
        self.norm_columns = {norm: after + k for k, norm in enumerate(traced.program.norms)}
        self.first_weight = after + traced.program.sums
        self.real = REAL[compute]
        self.width = LANE_BYTES // (4 if compute == "float32" else 8)

    def _chunk(self, constants: ir.Value) -> None:
        b, texts = self.builder, self.program.scalars
        first = b.mul(self._entry(ROW), INT64(len(texts)))
        self.numbers = b.gep(constants, [first], source_etype=REAL["float64"])
        self.bases = {a.name: b.inttoptr(self._entry(FIRST_ADDRESS + k), POINTER) for k, a in enumerate(self.arrays)}
        self._work({text: self._rounded(self._number(text)) for text in texts})

    def _work(self, same: "Values") -> None:
        """What is done with the chunk; `same` holds what is the same for all its weights: the scalars."""
        raise NotImplementedError

    def _number(self, text: str) -> ir.Value:
        place = self.builder.gep(self.numbers, [INT64(self.program.scalars.index(text))], source_etype=REAL["float64"])
        return self.builder.load(place, typ=REAL["float64"])

    def _whole(self) -> tuple[ir.Value, ir.Value]:
        """How many weights the chunk has, and how many of them fill vectors."""
        count = self._entry(COUNT)
        return count, self.builder.and_(count, INT64(-self.width))

    def _rounded(self, value: ir.Value) -> ir.Value:
        return value if self.compute == "float64" else self.builder.fptrunc(value, self.real)

    def _norm(self, norm: int) -> ir.Value:
        """A norm that is known by now."""
        return self._rounded(self.builder.bitcast(self._entry(self.norm_columns[norm]), REAL["float64"]))

    def _values(self, step: "_Lanes", same: "Values", i: ir.Value, wanted: Sequence[int | str]) -> list[ir.Value]:
        """Values of the program for the weights at i; `same` holds what is the same for all of them."""
        values = {which: step.spread(value) for which, value in same.items()}
        for number in self.program.behind(wanted, same):
            operation, arguments = self.program.instruction(number)
            if operation == "input":
                name = self.program.inputs[number]
                values[number] = step.load(self.bases[name], i, self.dtypes[name])
            else:
                values[number] = step.calculate(operation, *(values[a] for a in arguments))
        return [values[which] for which in wanted]


class _Updates(_Weights):
    """The kernel that writes: the outputs of the program."""

    def _work(self, same: "Values") -> None:
        noise = self._noise() if rounding.KEY in same else None
        same = self._with_norms(same)
        count, whole = self._whole()
        for start, stop, lanes in ((INT64(0), whole, self.width), (whole, count, 1)):
            step = _Lanes(self.builder, self.real, lanes, noise)
            self._loop(start, stop, lanes, lambda i, _, step=step: self._write(step, same, i))

    def _noise(self) -> "_Noise":
        key = self.builder.fptoui(self._number(rounding.KEY), INT64)
        return _Noise(self.builder, self._entry(self.first_weight), key)

    def _with_norms(self, same: "Values") -> "Values":
        """With the norms, and what is made of them alone."""
        one, known = _Lanes(self.builder, self.real, 1), {**same, **{n: self._norm(n) for n in self.norm_columns}}
        for number, (operation, arguments) in enumerate(self.program.instructions, len(self.program.inputs)):
            if number not in known and all(a in known for a in arguments):
                known[number] = one.calculate(operation, *(known[a] for a in arguments))
        return known

    def _write(self, step: "_Lanes", same: "Values", i: ir.Value) -> None:
        outputs, numbers = self.traced.outputs, {a.name: number for number, a in enumerate(self.arrays)}
        for name, value in zip(outputs, self._values(step, same, i, list(outputs.values())), strict=True):
            step.store(self.bases[name], i, self.dtypes[name], value, numbers[name])


class _Readings(_Weights):
    """A kernel that reads: for each of some norms the sum of squares over the chunk."""

    def __init__(self, norms: Sequence[int], *others: Any) -> None:
        super().__init__(*others)
        self.norms = norms

    def _work(self, same: "Values") -> None:
        b, real = self.builder, REAL["float64"]
        count, whole = self._whole()
        earlier = [n for n in self.program.behind(self.norms, ()) if n in self.norm_columns and n not in self.norms]
        same = {**same, **{n: self._norm(n) for n in earlier}}
        for norm in self.norms:
            zeros = ir.Constant(ir.VectorType(real, self.width), [0.0] * self.width)
            sums = self._loop(INT64(0), whole, self.width, self._adder(self.width, same, norm), zeros)
            total = self._loop(whole, count, 1, self._adder(1, same, norm), ir.Constant(real, 0.0))
            for lane in range(self.width):
                total = b.fadd(total, b.extract_element(sums, INT32(lane)))
            b.store(b.bitcast(total, INT64), self._place(self.norm_columns[norm]))

    def _adder(self, lanes: int, same: "Values", norm: int) -> Callable[[ir.Value, Any], ir.Value]:
        b, step = self.builder, _Lanes(self.builder, self.real, lanes)

        def add(i: ir.Value, total: Any) -> ir.Value:
            (x,) = self._values(step, same, i, self.program.instruction(norm)[1])
            wide = x if self.compute == "float64" else b.fpext(x, step.type(REAL["float64"]))
            return b.fadd(total, b.fmul(wide, wide))

        return add


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
