"""The page of the hub's requests, made without anything from another computer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

__all__ = ["page_of"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ info.title }} {{ info.version }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1e21; background: #fff }
@media (prefers-color-scheme: dark) { body { color: #e4e6eb; background: #18191a } }
code { font: 13px ui-monospace, monospace } h2 { margin: 2rem 0 .3rem; font-size: 1rem }
td, th { text-align: left; padding: .1rem 1rem .1rem 0; vertical-align: top; font-weight: normal }
.verb { display: inline-block; min-width: 4rem; font-weight: bold }
</style></head><body>
<h1>{{ info.title }} {{ info.version }}</h1>
<p>Every request carries <code>Authorization: Bearer TOKEN</code>; the token of the bench's owner is
in <code>.benchlab/token</code>. The whole description for programs: <a href="/openapi.json">
openapi.json</a>. Live messages: a WebSocket at <code>/api/v1/live</code>.</p>
{% for path, verbs in paths.items() %}{% for verb, what in verbs.items() %}
<h2><span class="verb">{{ verb.upper() }}</span> <code>{{ path }}</code></h2>
<p>{{ what.description or what.summary }}</p>
<table>{% for item in what.parameters or [] %}<tr><td><code>{{ item.name }}</code></td>
<td>in {{ item.in }}{{ ", needed" if item.required }}</td></tr>{% endfor %}
{% for name, item in body(what) %}<tr><td><code>{{ name }}</code></td>
<td>in the body: {{ item.type or "" }}</td></tr>{% endfor %}</table>
{% endfor %}{% endfor %}</body></html>"""


def page_of(openapi: Mapping[str, Any]) -> str:
    """Return a page of every request that an OpenAPI description holds."""

    def body(what: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        content = what.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        schema = openapi.get("components", {}).get("schemas", {}).get(name, {})
        return list(schema.get("properties", {}).items())

    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(info=openapi["info"], paths=openapi["paths"], body=body)
