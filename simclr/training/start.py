"""Starting from weights: another run's, or an import's, as a first guess.

Not resuming (checkpoint.py), which takes everything back and tolerates nothing:
here only the weights are loaded, the run begins at step 0 with a fresh
optimizer, and what the weights do not have stays new.
"""

from simclr.messages.counts import first_few
from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.training.negatives import start_equal


def start_from(weights, models):
    """Puts weights into models as far as they fit.

    The encoder must fit whole. Of the head and the probe, what has another
    shape (another number of classes, say) or is not there stays new. The
    queue of negatives starts empty; the momentum nets and the anchor start
    equal to what they are copies of: a run begins here, whatever the weights'
    own were.

    Args:
        weights: dict of "role/variable path" -> array; see runs.weight_arrays.
        models: dict of role -> Keras model; one role is "encoder".

    Returns:
        list of str, a line for each model on what became of it: how many
        variables stay new and how many weights are not used, and the first.

    Raises:
        InputError: the encoder is another one; names what does not fit.
    """
    variables = named_variables(**models)
    checkpoint.assign(
        _of_role(variables, "encoder"), _of_role(weights, "encoder")
    )
    lines = ["encoder: loaded"]
    for role in models:
        if role == "encoder":
            continue
        _, _, copied = role.partition("_")
        if copied:  # Models come before their copies.
            start_equal(models[role], models[copied])
            lines.append(f"{role}: starts as the {copied}")
            continue
        if role == "negatives":
            lines.append("negatives: starts empty")
            continue
        ours, theirs = _of_role(variables, role), _of_role(weights, role)
        fitting = {
            name: array
            for name, array in theirs.items()
            if name in ours and array.shape == tuple(ours[name].shape)
        }
        checkpoint.assign({name: ours[name] for name in fitting}, fitting)
        lines.append(f"{role}: {_account(ours, theirs, fitting)}")
    unused = sorted({name.partition("/")[0] for name in weights} - set(models))
    lines += [f"{role}: not used here" for role in unused]
    return lines


def _of_role(named, role):
    return {k: v for k, v in named.items() if k.startswith(role + "/")}


def _account(ours, theirs, fitting):
    """Words for what a head or a probe got."""
    if len(fitting) == len(ours) == len(theirs):
        return "loaded"
    if not theirs:
        return "new, the weights have none"
    new = [
        f"{name} ({tuple(ours[name].shape)}"
        + (
            f", the weights' is {theirs[name].shape})"
            if name in theirs
            else ")"
        )
        for name in ours
        if name not in fitting
    ]
    unused = [name for name in theirs if name not in ours]
    parts = [f"{len(fitting)} of {len(ours)} variables loaded"]
    parts += [f"{len(new)} new: {first_few(new)}"] if new else []
    parts += [f"{len(unused)} not used: {first_few(unused)}"] if unused else []
    return "; ".join(parts)
