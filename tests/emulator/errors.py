"""The error of a kernel that does what it must not do."""


class EmulatorError(Exception):
    """What a kernel did wrong, with block and thread where they are known.

    log: all that a sanitizer said, where one was at work.
    """

    def __init__(self, text: str, log: str = "") -> None:
        super().__init__(text)
        self.log = log
