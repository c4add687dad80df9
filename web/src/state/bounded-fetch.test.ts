import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../../src/client/index.ts";
import { boundedFetch } from "./bounded-fetch.ts";

/** Never answers; fails as fetch does when it is given up. */
const hung = (request: Request): Promise<Response> =>
  new Promise((_, reject) => {
    request.signal.addEventListener("abort", () => reject(request.signal.reason));
  });

test("what only reads is given up when no answer begins", async () => {
  const asked = boundedFetch(new Request("http://127.0.0.1/v1/overview"), hung, 20);
  await assert.rejects(asked, (error) => isBerthError(error, "operation.timeout"));
});

test("who asked gives it up as before, and what changes something is waited for", async () => {
  const own = new AbortController();
  const asked = boundedFetch(
    new Request("http://127.0.0.1/v1/overview", { signal: own.signal }),
    hung,
    60_000,
  );
  own.abort(new Error("left"));
  await assert.rejects(asked, /left/);
  const signals: AbortSignal[] = [];
  const late = async (request: Request) => {
    signals.push(request.signal);
    await new Promise((resolve) => setTimeout(resolve, 60));
    return new Response("done");
  };
  const posted = await boundedFetch(new Request("http://127.0.0.1/", { method: "POST" }), late, 20);
  assert.equal(await posted.text(), "done");
  assert.equal(signals[0]?.aborted, false);
});

test("an answer that has begun may take as long as it likes", async () => {
  const signals: AbortSignal[] = [];
  const quick = async (request: Request) => {
    signals.push(request.signal);
    return new Response("begun");
  };
  await boundedFetch(new Request("http://127.0.0.1/"), quick, 20);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(signals[0]?.aborted, false);
});
