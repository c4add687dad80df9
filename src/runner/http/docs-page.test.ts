import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { openApiDocument } from "../../api/document.ts";
import { ROUTES } from "../../api/routes.ts";
import { DOCS_PAGE_HEADERS, docsPage } from "./docs-page.ts";
import { DEFAULT_LIMITS } from "./limits.ts";

test("the page has every call, runs nothing, fetches nothing, and its one style is the one that is allowed", () => {
  const page = docsPage(openApiDocument());
  for (const { operationId, path } of ROUTES) {
    assert.ok(page.includes(`id="${operationId}"`), operationId);
    assert.ok(page.includes(path), path);
  }
  assert.doesNotMatch(page, /<script|<img|<iframe|<link|<form|\son[a-z]+=|javascript:|style="/i);
  for (const [, target] of page.matchAll(/(?:href|src)="([^"]*)"/g)) {
    assert.match(target ?? "", /^(?:#[\w-]+|\/v1\/openapi\.json)$/);
  }
  for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) {
    assert.ok(page.includes(`id="${target}"`), `nothing is called ${target}`);
  }
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  assert.ok(DOCS_PAGE_HEADERS["content-security-policy"]?.includes(`'sha256-${hash}'`));
  assert.match(DOCS_PAGE_HEADERS["content-security-policy"] ?? "", /default-src 'none'/);
});

test("what is told of limits is what holds", () => {
  const { description } = openApiDocument().info;
  const { bodyBytes, bodyDepth, headerBytes, callsPerMinute, heartbeatMs } = DEFAULT_LIMITS;
  for (const told of [
    `${bodyBytes / 1024 ** 2} MiB and ${bodyDepth} levels`,
    `${headerBytes / 1024} KiB`,
    `${callsPerMinute.toLocaleString("en-GB")} calls a minute`,
    `every ${heartbeatMs / 1000} seconds`,
  ]) {
    assert.ok(description.includes(told), told);
  }
});

test("texts of the document can't become markup", () => {
  const document = openApiDocument();
  const hostile = "<script>alert(1)</script>\"&'";
  const page = docsPage({ ...document, info: { ...document.info, title: hostile, description: hostile } });
  assert.doesNotMatch(page, /<script/);
});
