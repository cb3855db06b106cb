"""Reads a compiled program's text: its collectives, and what loops repeat.

The compiler's cost analysis counts the body of a loop once; the text tells how
often each goes round.
"""

import collections
import dataclasses
import math
import re

_BYTES = {
    "pred": 1,
    "s8": 1,
    "u8": 1,
    "bf16": 2,
    "f16": 2,
    "s16": 2,
    "u16": 2,
    "f32": 4,
    "s32": 4,
    "u32": 4,
    "f64": 8,
    "s64": 8,
    "u64": 8,
}
_COLLECTIVES = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
)
# They run other computations, line by line.
_CONTROL = ("while", "call", "conditional")
# They move nothing by themselves.
_FREE = (
    "parameter",
    "constant",
    "tuple",
    "get-tuple-element",
    "bitcast",
    *_CONTROL,
)
_LINE = re.compile(
    r"^  (?:ROOT )?%?([\w.-]+) = (.*?)(?<=[\]})]) ([a-z][\w-]*)\((.*)"
)


@dataclasses.dataclass(frozen=True)
class _Instruction:
    name: str
    shape: str
    opcode: str
    rest: str  # Operands and attributes.


def collective_traffic(hlo):
    """The collectives of a run of the program.

    Returns:
        dict of kind -> (how many, bytes of their results); those in a loop
        count as often as it goes round.
    """
    computations, times, _ = _read(hlo)
    found = {}
    for name, instructions in computations.items():
        for instruction in instructions:
            kind = instruction.opcode.removesuffix("-start")
            if kind in _COLLECTIVES:
                count, total = found.get(kind, (0, 0))
                found[kind] = (
                    count + times[name],
                    total + times[name] * _size(instruction.shape),
                )
    return found


def loop_factors(hlo):
    """How much more a run does than its lines say, because of loops.

    Returns:
        flops: what to multiply a count by that sees a loop's body once; from
            the convolutions and products of matrices.
        traffic: the same of bytes; from operands and results.
    """
    computations, times, sites = _read(hlo)
    shapes = {
        instruction.name: instruction.shape
        for instructions in computations.values()
        for instruction in instructions
    }
    inside = {
        callee
        for instructions in computations.values()
        for instruction in instructions
        if instruction.opcode not in _CONTROL
        for callee in _called(instruction)
    }
    counted, done = [0, 0], [0, 0]
    for name, instructions in computations.items():
        for instruction in instructions:
            work = [_flops(instruction, shapes), 0]
            if name not in inside and instruction.opcode not in _FREE:
                work[1] = _size(instruction.shape) + sum(
                    _size(shapes[operand])
                    for operand in _operands(instruction)
                    if operand in shapes
                )
            for i in range(2):
                counted[i] += sites[name] * work[i]
                done[i] += times[name] * work[i]
    return tuple(done[i] / counted[i] if counted[i] else 1.0 for i in range(2))


def _read(hlo):
    """Computations of a module, and how often each runs.

    Returns:
        dict of name -> list of _Instruction.
        Counter of name -> times that it runs.
        Counter of name -> the same, were every loop to go round once.
    """
    computations, entry, current = {}, None, None
    for line in hlo.splitlines():
        if line.endswith("{") and not line.startswith(" "):
            name = re.match(r"(ENTRY )?%?([\w.-]+)", line)
            if name and "->" in line:
                current = computations.setdefault(name[2], [])
                entry = name[2] if name[1] else entry
        elif current is not None and (match := _LINE.match(line)):
            current.append(_Instruction(*match.groups()))
    times, sites = collections.Counter(), collections.Counter()
    times[entry] = sites[entry] = 1
    # A computation stands before those that call it.
    for name in reversed(computations):
        for instruction in computations[name]:
            trips = 1
            if instruction.opcode == "while":
                trips = _trips(instruction, computations)
            for callee in _called(instruction):
                times[callee] += times[name] * trips
                sites[callee] += sites[name]
    return computations, times, sites


def _trips(loop, computations):
    """How often a loop goes round: what its condition counts to, from 0."""
    condition = re.search(r"condition=%?([\w.-]+)", loop.rest)[1]
    limits = [
        int(match[0])
        for instruction in computations[condition]
        if instruction.opcode == "constant"
        and (match := re.match(r"\d+", instruction.rest))
    ]
    return max(limits, default=1)


def _called(instruction):
    """Names of the computations that an instruction runs."""
    names = re.findall(
        r"(?:calls|body|condition|to_apply|true_computation|false_computation)"
        r"=%?([\w.-]+)",
        instruction.rest,
    )
    branches = re.search(r"branch_computations=\{(.*?)\}", instruction.rest)
    if branches:
        names += re.findall(r"%?([\w.-]+)", branches[1])
    return names


def _operands(instruction):
    """Names of the operands."""
    depth = 1
    for end, letter in enumerate(instruction.rest):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return re.findall(r"%([\w.-]+)", instruction.rest[:end])
    return []


def _flops(instruction, shapes):
    """Operations of a convolution (a product of matrices is one, too)."""
    if instruction.opcode != "convolution":
        return 0
    _, kernel = _operands(instruction)
    labels = re.search(r"dim_labels=\w+->(\w+)", instruction.rest)[1]
    channels = _sides(instruction.shape)[labels.index("f")]
    return (
        2 * _elements(instruction.shape) * _elements(shapes[kernel]) / channels
    )


def _sides(shape):
    """Sides of the first array in a shape."""
    sides = re.search(r"\[([\d,]*)\]", shape)[1]
    return [int(side) for side in sides.split(",") if side]


def _elements(shape):
    return math.prod(_sides(shape))


def _size(shape):
    """Bytes of a shape, or of a tuple of them."""
    total = 0
    for kind, sides in re.findall(r"\b([a-z]+\d*)\[([\d,]*)\]", shape):
        elements = math.prod(map(int, filter(None, sides.split(","))))
        total += elements * _BYTES.get(kind, 0)
    return total
