"""What is read from a compiled program's text."""

from simclr.tpu import hlo_text

# As libtpu prints: layouts with tiles, names with %, loops without a count.
HLO = """\
HloModule step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%fused (p: bf16[8,4,4,2], q: bf16[3,3,2,5]) -> bf16[8,4,4,5] {
  %p = bf16[8,4,4,2]{3,2,1,0:T(8,128)(2,1)} parameter(0)
  %q = bf16[3,3,2,5]{3,2,1,0:T(8,128)(2,1)} parameter(1)
  ROOT %conv = bf16[8,4,4,5]{3,2,1,0:T(8,128)(2,1)S(1)} convolution(%p, %q), \
window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f
}

%less (s: (s32[], bf16[8,4,4,2], bf16[3,3,2,5])) -> pred[] {
  %s = (s32[]{:T(128)}, bf16[8,4,4,2]{3,2,1,0}, bf16[3,3,2,5]{3,2,1,0}) \
parameter(0)
  %limit = s32[]{:T(128)} constant(6), metadata={op_name="while"}
  %i = s32[]{:T(128)} get-tuple-element(%s), index=0
  ROOT %less.1 = pred[]{:T(512)} compare(%i, %limit), direction=LT
}

%body (t: (s32[], bf16[8,4,4,2], bf16[3,3,2,5])) -> (s32[], bf16[8,4,4,2], \
bf16[3,3,2,5]) {
  %t = (s32[]{:T(128)}, bf16[8,4,4,2]{3,2,1,0}, bf16[3,3,2,5]{3,2,1,0}) \
parameter(0)
  %j = s32[]{:T(128)} get-tuple-element(%t), index=0
  %x = bf16[8,4,4,2]{3,2,1,0} get-tuple-element(%t), index=1
  %w = bf16[3,3,2,5]{3,2,1,0} get-tuple-element(%t), index=2
  %y = bf16[8,4,4,5]{3,2,1,0:T(8,128)(2,1)} fusion(%x, %w), kind=kOutput, \
calls=%fused
  %mean = (f32[5]{0:T(128)}, f32[5]{0:T(128)}) all-reduce-start(%y, %y), \
replica_groups={{0,1}}, to_apply=%add
  %mean.1 = (f32[5]{0:T(128)}, f32[5]{0:T(128)}) all-reduce-done(%mean)
  ROOT %tuple.1 = (s32[], bf16[8,4,4,2], bf16[3,3,2,5]) tuple(%j, %x, %w)
}

ENTRY %main (x0: bf16[8,4,4,2], w0: bf16[3,3,2,5]) -> bf16[8,4,4,5] {
  %x0 = bf16[8,4,4,2]{3,2,1,0} parameter(0)
  %w0 = bf16[3,3,2,5]{3,2,1,0} parameter(1)
  %zero = s32[]{:T(128)} constant(0)
  %tuple = (s32[], bf16[8,4,4,2], bf16[3,3,2,5]) tuple(%zero, %x0, %w0)
  %loop = (s32[], bf16[8,4,4,2], bf16[3,3,2,5]) while(%tuple), \
condition=%less, body=%body
  %all = f32[10]{0:T(128)} all-reduce(%x0), replica_groups={{0,1}}, \
to_apply=%add
  ROOT %last = bf16[8,4,4,5]{3,2,1,0} fusion(%x0, %w0), kind=kOutput, \
calls=%fused
}
""".replace("\\\n", "")

CONVOLUTION = 2 * (8 * 4 * 4 * 5) * (3 * 3 * 2)  # Multiplications, additions.


def test_collectives_in_a_loop_count_each_round():
    assert hlo_text.collective_traffic(HLO) == {
        "all-reduce": (6 + 1, 6 * 2 * 5 * 4 + 10 * 4)
    }


def test_loop_factors():
    flops, traffic = hlo_text.loop_factors(HLO)
    assert flops == (6 + 1) / 2
    fusion = 2 * (8 * 4 * 4 * 2 + 3 * 3 * 2 * 5 + 8 * 4 * 4 * 5)
    y, means = 2 * 8 * 4 * 4 * 5, 2 * 5 * 4
    in_loop = fusion + (means + 2 * y) + 2 * means
    compare = 4 + 4 + 1
    outside = fusion + 10 * 4 + 2 * 8 * 4 * 4 * 2
    once = in_loop + compare + outside
    assert traffic == (6 * (in_loop + compare) + outside) / once


def test_flops_of_a_convolution():
    computations, *_ = hlo_text._read(HLO)
    [*_, convolution] = computations["fused"]
    shapes = {i.name: i.shape for i in computations["fused"]}
    assert hlo_text._flops(convolution, shapes) == CONVOLUTION


def test_without_loops_nothing_is_repeated():
    text = HLO.replace("constant(6)", "constant(1)")
    assert hlo_text.loop_factors(text) == (1.0, 1.0)
