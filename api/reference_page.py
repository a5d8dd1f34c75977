"""The API's documentation as one plain page, made from its own OpenAPI document.

No script and nothing from elsewhere: it works behind a strict content policy and without a network.
"""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
STYLE_PATH = "/api/docs.css"
STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; }
code, pre { font: .9rem/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: .25rem; }
summary { cursor: pointer; padding: .25rem 0; }
summary b { display: inline-block; min-width: 4rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .1rem 1rem .1rem 0; }
"""

_REFERENCE = re.compile(r"#/components/schemas/([A-Za-z0-9_.-]+)")

Document = Mapping[str, Any]


def reference_page(document: Document) -> str:
    """Every operation by its tag, with parameters, body and answers."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(path, method, operation))
    info = document["info"]
    sections = "".join(
        f"<section><h2>{escape(tag.capitalize())}</h2>{''.join(operations)}</section>"
        for tag, operations in by_tag.items()
    )
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code> '
        f"{escape(schema.get('description', ''))}</summary>{_json(schema)}</details>"
        for name, schema in document.get("components", {}).get("schemas", {}).items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title>"
        f'<link rel="stylesheet" href="{STYLE_PATH}"></head><body><main>'
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>"
        '<p>The same for programs: <a href="/api/openapi.json">openapi.json</a>.</p>'
        f"{sections}<section><h2>Schemas</h2>{schemas}</section></main></body></html>"
    )


def _operation(path: str, method: str, operation: Document) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{'required' if one.get('required') else ''}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", [])
    )
    table = (
        "<table><thead><tr><th>Parameter</th><th>In</th><th></th><th></th></tr></thead>"
        f"<tbody>{parameters}</tbody></table>"
        if parameters
        else ""
    )
    body = operation.get("requestBody")
    answers = {
        status: answer.get("content") or answer.get("description")
        for status, answer in operation.get("responses", {}).items()
    }
    description = str(operation.get("description", ""))
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
        f"<p>{escape(description)}</p>{table}"
        f"{'' if body is None else '<h3>Body</h3>' + _json(body['content'])}"
        f"<h3>Answers</h3>{_json(answers)}</details>"
    )


def _json(value: object) -> str:
    text = escape(json.dumps(value, indent=2, ensure_ascii=False))
    return f"<pre>{_REFERENCE.sub(_linked, text)}</pre>"


def _linked(found: re.Match[str]) -> str:
    return f'<a href="#{found[1]}">{found[0]}</a>'
