"""Which net a file of published weights holds, from names and shapes."""

import dataclasses
import itertools

from simclr.config import Model
from simclr.messages.errors import InputError
from simclr.models.encoders.resnet import BLOCKS
from simclr.published import fit as fit_lib
from simclr.published import projection_layers
from simclr.published.families import match
from simclr.published.names import STYLES, canonical, table
from simclr.published.resnet_layers import SK_RATIO, Net, names_and_shapes

_WIDTHS = (1, 2, 3, 4)


def detect(source):
    """Finds the net and maps every weight of a file.

    Args:
        source: source.Source.

    Returns:
        fit.Fit, in which every weight that the net needs has a key of the right
        shape, and every key of the file has a place.

    Raises:
        InputError: no known encoder, or weights that are missing, extra or of
            another shape, listed.
    """
    by_family = match.fit(source)
    if by_family:
        return by_family
    found = _heads(source)
    others = set(source.shapes) - set(found.paths.values())
    net, paths, problems, notes = _encoder(source, others)
    features = net.features

    kernel_shapes = [source.shapes[key] for key in found.dense_keys]
    out_dim = kernel_shapes[-1][-1] if found.whole and kernel_shapes else 128
    hidden = features
    if found.num_layers > 1 and kernel_shapes:
        hidden = kernel_shapes[0][-1]
    expected = projection_layers.head_shapes(features, hidden, out_dim, found)
    num_classes = 0
    if "probe/probe/kernel" in found.paths:
        shape = source.shapes[found.paths["probe/probe/kernel"]]
        inputs, num_classes = shape if len(shape) == 2 else (0, 0)
        expected["probe/probe/bias"] = (num_classes,)
        expected["probe/probe/kernel"] = (
            inputs if inputs in (features, hidden, out_dim) else features,
            num_classes,
        )
    elif "probe/probe/bias" in found.paths:
        problems.append("the linear head's kernel is missing")
    shapes = {path: source.shapes[key] for path, key in found.paths.items()}
    problems += fit_lib.problems(expected, shapes, found.paths)
    if problems:
        raise InputError(fit_lib.refusal(net.words, problems))
    if found.num_layers == 0:
        notes.append(
            "no projection head in the file: z = h, model.head_layers is 0"
        )
    return fit_lib.Fit(
        net=net,
        heads=found,
        model=Model(
            depth=net.depth,
            width=float(net.width),
            stem=net.stem,
            shortcut=net.shortcut,
            sk_ratio=net.sk_ratio,
            normalization="imagenet" if net.stem == "torchvision" else "none",
            head_layers=found.num_layers,
            head_hidden=0 if hidden == features else hidden,
            head_dim=out_dim,
            head_norm=found.norm,
        ),
        paths={f"encoder/{path}": key for path, key in paths.items()}
        | found.paths,
        num_classes=num_classes,
        notes=notes,
    )


def candidates(style, forms):
    """The nets whose names are nearest to a file's, simpler ones first.

    Args:
        style: one of names.STYLES.
        forms: the file's names in canonical form.

    Returns:
        list of Net: one or more, in every width.
    """
    if style == "torch":
        nets = [
            Net(depth=depth, stem="torchvision", shortcut=shortcut)
            for depth in BLOCKS
            # Of bottlenecks, every group needs one.
            for shortcut in ("every_group", "where_needed")[: 1 + (depth < 50)]
        ]
    else:
        variants = itertools.product((0.0, SK_RATIO), ("imagenet", "cifar"))
        nets = [
            Net(depth=depth, sk_ratio=sk_ratio, stem=stem)
            for sk_ratio, stem in variants
            for depth in BLOCKS
        ]
    apart = [len(set(forms) ^ set(table(net, style))) for net in nets]
    return [
        dataclasses.replace(net, width=width)
        for net, names in zip(nets, apart)
        for width in _WIDTHS
        if names == min(apart)
    ]


def _heads(source):
    """The heads by the spelling that shows the most of them."""
    found = [projection_layers.find(names) for names in source.names.values()]
    return max(found, key=lambda heads: len(heads.paths))


def _encoder(source, keys):
    """(Net, {our path: key}, problems, notes) of the best candidate.

    The best is the one with the fewest problems, in the spelling that has the
    fewest; nets that fit equally well are told apart by the other spellings.
    """
    spellings = {}
    for style, names in source.names.items():
        if style not in STYLES:
            continue
        forms = canonical([names[k] for k in names if k in keys], style)
        if forms:
            spellings[style] = {
                k: forms.get(name) for k, name in names.items() if k in keys
            }
    best = None
    for style, forms in spellings.items():
        for net in candidates(style, forms.values()):
            paths, problems = _fit(source, style, forms, net)
            rest = []
            if not problems:
                rest = [
                    len(_fit(source, other, spellings[other], net)[1])
                    for other in spellings
                    if other != style
                ]
            rank = (len(problems), sum(rest))
            if best is None or rank < best[0]:
                best = rank, style, net, paths, problems
    if best is None or not best[3]:
        some = ", ".join(sorted(keys)[:3]) or "nothing"
        raise InputError(
            "It holds no encoder of a known kind (docs/pretrained.md lists "
            f"them), but {some}."
        )
    _, style, net, paths, problems = best
    notes = []
    if not net.bottleneck and net.sk_ratio and style == "tf1" and not problems:
        raise InputError(
            f"{net.words} from a TF1 program: its basic blocks with "
            "sk_ratio compute another function than the published TF2 nets."
        )
    if not net.bottleneck and net.stem == "cifar" and "object" not in spellings:
        notes.append(
            "names cannot tell whether sk_ratio was set (here it has no "
            "weights, only other shortcuts): taken for 0"
        )
    return net, paths, problems, notes


def _fit(source, style, forms, net):
    """({our path: key}, problems) of a net's encoder in one spelling."""
    ours = table(net, style)
    paths, problems = {}, []
    for key, form in forms.items():
        path = ours.get(form)
        if path is None or path in paths:
            problems.append(f"{key} is extra")
        else:
            paths[path] = key
    expected = names_and_shapes(net)
    theirs = {path: form for form, path in ours.items()}
    shapes = {path: source.shapes[key] for path, key in paths.items()}
    names = {path: paths.get(path, theirs[path]) for path in expected}
    return paths, fit_lib.problems(expected, shapes, names) + problems
