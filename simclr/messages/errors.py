"""Bad input, told apart from our own faults."""


class InputError(ValueError):
    """Bad input: a value, a file or a folder that the user can mend.

    Its message is one line that says what is wrong and what to do. The command
    line shows it as it is, with status 2; any other error is shown with its
    kind and its cause.
    """

    # AutoGraph makes an error of the same kind out of one in a traced function
    # only if its constructor is this very one.
    __init__ = Exception.__init__
