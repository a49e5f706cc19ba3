"""Refusals in the words of a real API server: the Status object and its parts."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from sandbox.kube.objects import Obj
from sandbox.kube.resources import Resource


class ApiError(Exception):
    """An answer other than success; `body` is a Status object, or text where the real one is."""

    def __init__(
        self,
        code: int,
        reason: str | None,
        message: str,
        details: Obj | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.headers = dict(headers or {})
        self.body: Obj | str = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            **({"reason": reason} if reason else {}),
            **({"details": details} if details is not None else {}),
            "code": code,
        }


class PlainError(ApiError):
    """A refusal that a real server gives as text, before it knows which API is meant."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, None, text)
        self.body = text


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field, as k8s.io/apimachinery's field.Error."""

    field: str
    reason: str
    message: str


def required(field: str, detail: str = "") -> FieldError:
    text = f"Required value: {detail}" if detail else "Required value"
    return FieldError(field, "FieldValueRequired", text)


def invalid(field: str, value: object, detail: str) -> FieldError:
    shown = msgspec.json.encode(value).decode()
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {shown}: {detail}")


def unsupported(field: str, value: str, supported: Iterable[str]) -> FieldError:
    names = ", ".join(f'"{one}"' for one in supported)
    text = f'Unsupported value: "{value}": supported values: {names}'
    return FieldError(field, "FieldValueNotSupported", text)


def forbidden_field(field: str, detail: str) -> FieldError:
    return FieldError(field, "FieldValueForbidden", f"Forbidden: {detail}")


def duplicate(field: str, value: object, detail: str) -> FieldError:
    shown = msgspec.json.encode(value).decode()
    text = f"Duplicate value: {shown}" + (f": {detail}" if detail else "")
    return FieldError(field, "FieldValueDuplicate", text)


def invalid_object(kind: str, name: str, errors: list[FieldError], *, group: str = "") -> ApiError:
    """422: the message lists each different error once, the causes list all of them."""
    texts = list(dict.fromkeys(f"{one.field}: {one.message}" for one in errors))
    told = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    qualified = f"{kind}.{group}" if group else kind
    details: Obj = {**({"name": name} if name else {}), **({"group": group} if group else {})}
    if kind:
        details["kind"] = kind
    details["causes"] = [
        {"reason": one.reason, "message": one.message, "field": one.field} for one in errors
    ]
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {told}', details)


def details_of(resource: Resource, name: str | None) -> Obj:
    return {
        **({"name": name} if name else {}),
        **({"group": resource.group} if resource.group else {}),
        "kind": resource.plural,
    }


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def not_found(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, details_of(resource, name))


def no_such_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def page_not_found() -> ApiError:
    return PlainError(404, "404 page not found\n")


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details_of(resource, name))


def modified_meanwhile(resource: Resource, name: str) -> ApiError:
    message = (
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been'
        " modified; please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", message, details_of(resource, name))


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def unsupported_media_type(message: str, details: Obj | None = None) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message, details)


def server_error(message: str) -> ApiError:
    """A 500 without reason, as the real server gives for errors it did not foresee."""
    return ApiError(500, None, message)
