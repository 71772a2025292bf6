"""The one error type for what a user can put right."""


class ProbeError(Exception):
    """Something that the user can fix.

    The message is one line and says what was got, what was expected and what to
    do. Commands in ``espnet_probe.bin`` print it without a traceback and exit
    with code 1; see :func:`espnet_probe.bin.cli.run`.
    """
