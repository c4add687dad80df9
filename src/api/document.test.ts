import assert from "node:assert/strict";
import { test } from "node:test";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { openApiDocument } from "./document.ts";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** What the rules can't know: an upgrade has no answer of 2XX, and its messages and events stand in extensions. */
const EXPECTED = [
  /^operation-2xx-response #\/paths\/[^ ]*(?:attach|wire)\/get/,
  /^no-unused-components #\/components\/schemas\/(?:AttachClientMessage|AttachServerMessage|CheckEvent|OperationEvent|WatchEvent)$/,
];

test("the document keeps the rules that OpenAPI documents are held to", async () => {
  const source = JSON.stringify(openApiDocument());
  const config = await createConfig({ extends: ["recommended"] });
  const problems = await lintFromString({ source, config, absoluteRef: "/openapi.json" });
  const told = problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`);
  assert.deepEqual(
    told.filter((line) => !EXPECTED.some((known) => known.test(line))),
    [],
  );
  assert.equal(told.length, 7, "no expectation is out of date");
});

test("every operation has a tag that is described, one id, an answer, and errors with the status of their code", () => {
  const { tags, paths } = openApiDocument();
  const operations = Object.values(paths).flatMap((item) => Object.values(item));
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, ROUTES.length);
  for (const { operationId, tags: own, responses } of operations) {
    assert.ok(
      tags.some(({ name }) => name === own[0]),
      operationId,
    );
    assert.ok(
      Object.keys(responses).some((status) => Number(status) < 400),
      operationId,
    );
    for (const status of ["429", "503"])
      if (status in responses)
        assert.ok(responses[status]?.headers?.["Retry-After"], `${operationId} ${status}`);
    for (const status of ["400", "421", "500"]) assert.ok(status in responses, `${operationId} ${status}`);
  }
});

test("every example is one", () => {
  let examples = 0;
  for (const { body, operationId } of ROUTES as readonly Route[]) {
    for (const example of (body?.meta()?.examples as unknown[] | undefined) ?? []) {
      examples += 1;
      const result = body?.safeParse(example);
      assert.ok(result?.success, `${operationId}: ${result?.error?.message}`);
    }
  }
  assert.ok(examples >= 4);
});

test("names are in snake_case wherever they are Berth's own", () => {
  const names: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("properties" in value) names.push(...Object.keys(value.properties as object));
    for (const child of Object.values(value)) collect(child);
  };
  collect(openApiDocument());
  for (const route of ROUTES as readonly Route[]) names.push(...Object.keys(route.query?.shape ?? {}));
  assert.deepEqual(
    [...new Set(names)].filter((name) => !/^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/.test(name)),
    [],
  );
});
