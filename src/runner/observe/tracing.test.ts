import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { berthError } from "../../contract/errors.ts";
import { startTracing, traced } from "./tracing.ts";

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly status: { readonly code?: number };
  readonly attributes: { readonly key: string; readonly value: Record<string, unknown> }[];
}

/** Takes spans as a collector does, by OTLP over HTTP. */
async function collector() {
  const spans: OtlpSpan[] = [];
  const resources: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(parts).toString());
      for (const { resource, scopeSpans } of body.resourceSpans) {
        resources.push(JSON.stringify(resource));
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      response.setHeader("content-type", "application/json").end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    spans,
    resources,
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("without an address nothing is traced, and work runs as it is", async () => {
  await using _ = await startTracing({}, "instance");
  assert.equal(await traced("a", {}, async () => "done"), "done");
});

test("spans go to the collector: nested, as part of the caller's trace, failures marked", async () => {
  await using to = await collector();
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const parent = "b7ad6b7169203331";
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = to.url;
  try {
    const tracing = await startTracing(process.env, "instance-1");
    await traced(
      "GET getWorkspace",
      { "http.request.method": "GET" },
      async (span) => {
        await traced("place.open", { "berth.runtime": "docker" }, async () => {});
        span.set({ "http.response.status_code": 200 });
      },
      `00-${trace}-${parent}-01`,
    );
    const failing = traced("process.start", {}, async () => {
      throw berthError("process.not_found", { context: { command: "a-secret-word" } });
    });
    await assert.rejects(failing, { code: "process.not_found" });
    await traced("odd header", {}, async () => {}, "00-nonsense");
    await tracing[Symbol.asyncDispose]();
    const byName = new Map(to.spans.map((span) => [span.name, span]));
    const call = byName.get("GET getWorkspace")!;
    assert.equal(call.traceId, trace);
    assert.equal(call.parentSpanId, parent);
    assert.equal(call.kind, 2);
    const keys = call.attributes.map(({ key }) => key).sort();
    assert.deepEqual(keys, ["http.request.method", "http.response.status_code"]);
    assert.equal(byName.get("place.open")?.parentSpanId, call.spanId);
    const start = byName.get("process.start")!;
    assert.equal(start.status.code, 2);
    assert.notEqual(start.traceId, trace);
    assert.ok(!JSON.stringify(to.spans).includes("a-secret-word"));
    assert.equal(byName.get("odd header")?.parentSpanId ?? "", "");
    assert.match(to.resources[0] ?? "", /"berth-runner".*"instance-1"/);
  } finally {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  }
});

test("a collector that is not there costs nothing but its spans", async () => {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9";
  try {
    const tracing = await startTracing(process.env, "instance-1");
    assert.equal(await traced("a", {}, async () => 7), 7);
    await tracing[Symbol.asyncDispose]();
  } finally {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  }
});

test("an address without the packages is said clearly, and without what it may hold of secrets", async () => {
  const script = `
    import { registerHooks } from "node:module";
    registerHooks({ resolve(specifier, context, next) {
      if (specifier.startsWith("@opentelemetry/")) throw Object.assign(new Error("none"), { code: "ERR_MODULE_NOT_FOUND" });
      return next(specifier, context);
    } });
    const { startTracing } = await import(${JSON.stringify(join(import.meta.dirname, "tracing.ts"))});
    try {
      await startTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://user:pass@collector:4318/?key=k" }, "i");
    } catch (error) {
      console.log(error.code, error.message, error.hint);
    }`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  assert.match(
    stdout,
    /^runner\.tracing_unavailable .*http:\/\/collector:4318\/.*npm install @opentelemetry\/api/,
  );
  assert.ok(!/pass|key=k/.test(stdout), stdout);
});
