"""Forms of actions: the one place that knows an action's parameters, their limits and their
messages.

``CreateTopicForm`` is the form of ``CreateTopic``. Pages fill it from a POST, the cloud API and the
command line from JSON; whoever fills it calls ``perform``, so that all entrances check alike and
refuse alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.translation import gettext as _

from console.core.actions import REGISTRY
from console.core.actors import Actor
from console.core.errors import (
    ActionError,
    InvalidParameter,
    InvalidParameterValue,
    MissingParameter,
    UnknownParameter,
)

FORMS: dict[str, type[ActionForm]] = {}


class ActionForm(forms.Form):
    """Base of every action's form.

    A subclass named ``<Action>Form`` registers itself; its fields are the action's keyword
    arguments unless ``arguments`` is overridden. ``api_names`` maps a field to its name in the
    cloud API where that is not the plain camel case.
    """

    function: ClassVar[Callable[..., Any]]
    action_name: ClassVar[str] = ""
    api_names: ClassVar[dict[str, str]] = {}

    is_abstract: ClassVar[bool] = True
    """A base of other forms says so itself; it belongs to no action."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("is_abstract"):
            return
        cls.action_name = cls.__name__.removesuffix("Form")
        if cls.action_name not in REGISTRY:
            raise TypeError(f"{cls.__name__}: no action {cls.action_name} is registered.")
        FORMS[cls.action_name] = cls

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.from_json = False

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any], **kwargs: Any) -> Self:
        """Fill the form from the JSON of an API call or a command line.

        Raises:
            UnknownParameter: for a name that the action does not have.
            InvalidParameter: for a value of the wrong JSON type.
        """
        by_api_name = {cls.api_name(name): name for name in cls.base_fields}
        values: dict[str, Any] = {}
        for api_name, value in parameters.items():
            name = by_api_name.get(api_name)
            if name is None:
                raise UnknownParameter(
                    _("Parameter %(name)s is not known to %(action)s. Its parameters: %(known)s.")
                    % {
                        "name": api_name[:80],
                        "action": cls.action_name,
                        "known": ", ".join(by_api_name),
                    }
                )
            if value is None:
                continue
            expected = _expected_type(cls.base_fields[name])
            if expected and not _is_of(value, expected):
                raise InvalidParameter(
                    _("Parameter %(name)s must be of type %(type)s.")
                    % {"name": api_name, "type": " / ".join(t.__name__ for t in expected)},
                    field=name,
                )
            values[name] = value
        form = cls(data=values, **kwargs)
        form.from_json = True
        return form

    @classmethod
    def api_name(cls, field: str) -> str:
        """Name of a field in the cloud API: ``instance_id`` → ``InstanceId``."""
        return cls.api_names.get(field) or "".join(part.capitalize() for part in field.split("_"))

    def arguments(self, actor: Actor) -> dict[str, Any]:
        """Keyword arguments for the action: what was given, cleaned. A page always gives all of its
        fields.
        """
        return {name: self.cleaned_data[name] for name in self.fields if self.was_given(name)}

    def was_given(self, name: str) -> bool:
        """Whether the caller named the field; an absent tick box of a page means "no", not
        "unchanged".
        """
        if self.from_json:
            return name in self.data
        return (
            self.fields[name].widget.value_omitted_from_data(
                self.data, self.files, self.add_prefix(name)
            )
            is False
        )

    def perform(self, actor: Actor) -> Any:
        """Check, then run the action through the gate.

        Raises:
            ActionError: the first thing that is wrong; the form then carries it too, so that a page
            can show it in place.
        """
        if not self.is_valid():
            raise self.first_error()
        try:
            return type(self).function(actor, **self.arguments(actor))
        except ActionError as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
            raise

    def first_error(self) -> ActionError:
        """The first error of an invalid form as a refusal with the parameter's API name."""
        name, errors = next(iter(self.errors.as_data().items()))
        error = errors[0]
        message = str(error.messages[0])
        if name == NON_FIELD_ERRORS:
            return InvalidParameterValue(message)
        refusal = MissingParameter if error.code == "required" else InvalidParameterValue
        return refusal(f"{self.api_name(name)}: {message}", field=name)


def keep_fields(form: ActionForm, *names: str) -> None:
    """Leave a page's form those fields that the page asks for; the others are as not given."""
    form.fields = {name: form.fields[name] for name in names}


def _expected_type(field: forms.Field) -> tuple[type, ...]:
    """JSON types a field takes; empty when the field checks by itself."""
    if hasattr(field, "json_types"):
        return tuple(field.json_types)
    if isinstance(field, forms.BooleanField | forms.NullBooleanField):
        return (bool,)
    if isinstance(field, forms.IntegerField):
        return (int,)
    if isinstance(field, forms.MultipleChoiceField):
        return (list,)
    if isinstance(field, forms.CharField | forms.ChoiceField):
        return (str,)
    return ()


def _is_of(value: Any, expected: tuple[type, ...]) -> bool:
    """``isinstance`` for JSON: true and false are no numbers."""
    if isinstance(value, bool):
        return bool in expected
    return isinstance(value, expected)
