import { createHash } from "node:crypto";
import type { OpenApiDocument } from "../../api/document.ts";
import { apiReference, type CallReference, type FieldRow, type TypeReference } from "../../api/reference.ts";
import { escapeHtml as text } from "./html.ts";

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--code:#0550ae}
@media(prefers-color-scheme:dark){:root{--code:#79c0ff}}
body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:16rem minmax(0,56rem);gap:2rem}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;box-sizing:border-box;border-right:1px solid var(--line);font-size:14px}
nav a{display:block;text-decoration:none;color:inherit;padding:1px 0}nav a:hover,nav a:focus{text-decoration:underline}nav b{display:block;margin-top:.8rem}
main{padding:1rem 1rem 4rem}h2{margin-top:3rem;border-bottom:1px solid var(--line)}h3{margin:2.2rem 0 .3rem;font-size:1.05rem}
code,pre{font:14px/1.45 ui-monospace,monospace;color:var(--code)}pre{background:var(--soft);padding:.7rem;overflow:auto;border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:14px;margin:.5rem 0 1rem}th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
.scope{float:right;font-size:13px;border:1px solid var(--line);border-radius:1rem;padding:0 .6rem}p{margin:.4rem 0}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto;border:0}}
`;

/** Nothing of the page is run, and nothing fetched: its one style is allowed by its hash. */
export const DOCS_PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
};

/** The API as a page to read, made here: no script, nothing from elsewhere. */
export function docsPage(document: OpenApiDocument): string {
  const { title, description, groups, types } = apiReference(document);
  const index = groups.map(
    ({ name, calls }) =>
      `<b>${text(name)}</b>${calls.map(({ id }) => `<a href="#${id}">${text(id)}</a>`).join("")}`,
  );
  const sections = groups.map(
    (group) =>
      `<h2>${text(group.name)}</h2><p>${prose(group.description)}</p>${group.calls.map(callHtml).join("")}`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(title)}</title><style>${STYLE}</style></head><body><nav><a href="#top">${text(title)}</a>${index.join("")}<b>types</b>${types
    .map(({ name }) => `<a href="#type-${name}">${text(name)}</a>`)
    .join("")}</nav><main id="top"><h1>${text(title)}</h1>${description
    .split("\n\n")
    .map((part) => `<p>${prose(part)}</p>`)
    .join("")}<p>As a document for programs: <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>
${sections.join("\n")}<h2>types</h2>${types.map(typeHtml).join("\n")}</main></body></html>
`;
}

function callHtml(call: CallReference): string {
  const { id, method, path, summary, description, scope, parameters, body, answers, errors } = call;
  const rows = parameters.map((row) => ({ ...row, name: `${row.name} (${row.place})` }));
  return [
    `<section id="${id}"><h3><span class="scope">${scope === "none" ? "no token" : text(scope)}</span><code>${method} ${text(path)}</code></h3>`,
    `<p>${prose(summary)}${description === undefined ? "" : `. ${prose(description)}`}</p>`,
    table(rows),
    body === undefined ? "" : `<p>Body: <code>${text(body.type)}</code></p>${table(body.fields)}`,
    body?.example === undefined ? "" : `<pre>${text(body.example)}</pre>`,
    `<table>${answers.map(({ status, description, type }) => `<tr><td>${status}</td><td>${prose(description)}</td><td><code>${type === "" ? "" : linked(type)}</code></td></tr>`).join("")}`,
    `${errors.map(({ status, codes }) => `<tr><td>${status}</td><td colspan="2">${prose(codes)}</td></tr>`).join("")}</table></section>`,
  ].join("");
}

function typeHtml({ name, description, forms, type }: TypeReference): string {
  const shape = forms.length > 0 ? forms.map(table).join("") : `<p><code>${linked(type)}</code></p>`;
  return `<section id="type-${name}"><h3><code>${text(name)}</code></h3>${description === undefined ? "" : `<p>${prose(description)}</p>`}${shape}</section>`;
}

function table(rows: readonly FieldRow[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map(
    ({ name, type, required, description }) =>
      `<tr><td><code>${text(name)}</code>${required ? "" : " ?"}</td><td>${linked(type)}</td><td>${prose(description)}</td></tr>`,
  );
  return `<table>${lines.join("")}</table>`;
}

/** Names of types lead to them. */
function linked(type: string): string {
  return text(type).replace(/\b(?:[A-Z][a-z]+)+\b/g, (name) => `<a href="#type-${name}">${name}</a>`);
}

/** \`code\` in a text is shown as such. */
function prose(content: string): string {
  return text(content).replace(/`([^`]+)`/g, (_, code: string) => `<code>${code}</code>`);
}
