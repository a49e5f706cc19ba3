"""Reading and changing the XML that moto answers with."""

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

from sandbox.aws.calls import Answer

_NAMESPACE = re.compile(rb' xmlns="[^"]*"')
_LENGTH = "content-length"


def changed_xml(answer: Answer, change: Callable[[ET.Element], None]) -> Answer:
    """The answer after ``change`` was applied to its root; errors pass as they are."""
    if answer.status != 200:
        return answer
    found = _NAMESPACE.search(answer.body)
    namespace = found[0] if found else b""
    root = ET.fromstring(answer.body.replace(namespace, b"", 1))  # noqa: S314 - moto's own
    change(root)
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    body = text.replace(b"<" + root.tag.encode(), b"<" + root.tag.encode() + namespace, 1)
    headers = tuple(pair for pair in answer.headers if pair[0].lower() != _LENGTH)
    return replace(answer, headers=headers, body=body)


def set_text(parent: ET.Element, name: str, text: str) -> None:
    """Give an element a child with this text, in place of one of the same name."""
    child = parent.find(name)
    if child is None:
        child = ET.SubElement(parent, name)
    child.text = text


def text_of(parent: ET.Element, path: str) -> str:
    """The text of a descendant; empty where there is none."""
    return (parent.findtext(path) or "").strip()
