"""Pages as a person meets them: text, links and forms, read by the standard parser."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "use", "path", "hr", "img"})


@dataclass
class Element:
    """An element with its attributes and children."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def all(self, tag: str | None = None, **attributes: str) -> Iterator["Element"]:
        """Descendants of a tag, with these attributes."""
        for child in self.children:
            if isinstance(child, Element):
                if (tag is None or child.tag == tag) and all(
                    child.attributes.get(name.rstrip("_").replace("_", "-")) == value
                    for name, value in attributes.items()
                ):
                    yield child
                yield from child.all(tag, **attributes)

    def one(self, tag: str | None = None, **attributes: str) -> "Element":
        """The only such descendant."""
        found = list(self.all(tag, **attributes))
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]

    @property
    def text(self) -> str:
        """What is read, with single spaces."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return [link.attributes.get("href", "") for link in self.all("a")]

    @property
    def actions(self) -> set[str]:
        """Where its forms go."""
        buttons = {
            button.attributes["formaction"]
            for button in self.all("button")
            if "formaction" in button.attributes
        }
        return buttons | {form.attributes.get("action", "") for form in self.all("form")} - {""}


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    """The document; a tag that is not closed in order fails."""
    builder = _Builder()
    builder.feed(html.replace("<wbr>", ""))
    builder.close()
    assert [element.tag for element in builder.open] == ["document"]
    return builder.root
