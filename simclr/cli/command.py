"""One command of the command line: where its function is, what it ends with."""

import dataclasses
import functools
import importlib
from collections.abc import Callable

from simclr.commands.definition import arguments_of


@dataclasses.dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        module: in simclr.commands, where a function of the module's own name
            is the command, "train.pretrain".
        status: from what the function returns to the exit status.
    """

    module: str
    status: Callable = lambda result: 0

    @property
    def function(self):
        """The function that the command runs."""
        module = importlib.import_module(f"simclr.commands.{self.module}")
        return getattr(module, self.module.rpartition(".")[2])

    @functools.cached_property
    def arguments(self):
        """Its Arguments, a list."""
        return arguments_of(self.function)

    @property
    def words(self):
        """What follows its name on the line, a list of str: DATA, FOLDER."""
        return [a.name.upper() for a in self.arguments if a.required]

    @property
    def summary(self):
        """What it does, one line."""
        return self.function.__doc__.partition("\n")[0]
