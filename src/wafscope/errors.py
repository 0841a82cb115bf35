"""Everything that Wafscope raises on purpose.

    WafscopeError
      InputError        what was given to read is not there, empty or unreadable (exit status 4)
      SettingsError     a setting or option is wrong (exit status 2)
      FilterError       a filter can not be understood; knows the column (exit status 2)
      StoreError        the store can not be opened or written (exit status 5)
        Unsupported     this store can not answer this question
        StoreHeld       another process has it open

An error says what happened, where, and what to do about it.  Its texts are `i18n.Text` values, so
that the same error reads in the language of the person in front of it.
"""

from __future__ import annotations

from wafscope.i18n.text import Text, english


class WafscopeError(Exception):
    """Base of all errors that are meant for a person.

    `what` says what went wrong, `hint` what to do next, `where` names the file, field or address.
    """

    exit_status = 1

    def __init__(self, what: Text, *, hint: Text | None = None, where: str = "") -> None:
        super().__init__(english(what))
        self.what = what
        self.hint = hint
        self.where = where


class InputError(WafscopeError):
    """What was given to read is not there, empty, or holds nothing that can be read."""

    exit_status = 4


class SettingsError(WafscopeError):
    """A setting, an option or an environment variable has a wrong value."""

    exit_status = 2


class FilterError(WafscopeError):
    """A filter can not be understood; `column` counts characters from 1."""

    exit_status = 2

    def __init__(self, what: Text, *, column: int, hint: Text | None = None) -> None:
        super().__init__(what, hint=hint)
        self.column = column


class StoreError(WafscopeError):
    """The store can not be opened, read or written."""

    exit_status = 5


class StoreRefusal(StoreError):
    """The store can not take what was to be written, however often it is tried: a value is at fault, not the disk."""


class Unsupported(StoreError):
    """This store can not answer this question; the page shows the reason."""


class StoreHeld(StoreError):
    """Another process has the store open."""
