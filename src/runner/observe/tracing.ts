import { AsyncLocalStorage } from "node:async_hooks";
import type { Context, Span, SpanKind } from "@opentelemetry/api";
import type { TracerProviderOptions } from "@opentelemetry/sdk-trace";
import { berthError, toBerthError } from "../../contract/errors.ts";
import { VERSION } from "../../contract/version.ts";
import { within } from "../../contract/within.ts";

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What a span is given while its work runs. */
export interface OpenSpan {
  set(attributes: SpanAttributes): void;
}

interface Tracer {
  run<T>(
    name: string,
    attributes: SpanAttributes,
    work: (span: OpenSpan) => Promise<T>,
    parent: string | undefined,
  ): Promise<T>;
  close(): Promise<void>;
}

/** How long the last spans may take at the end: a successor waits for this runner. */
const CLOSE_MS = 500;
const NOTHING: OpenSpan = { set: () => {} };
/** Of the program: what opens places and starts processes need not be handed it. */
let tracer: Tracer | undefined;

/**
 * Runs work as a span of the trace that the caller is in; with `traceparent` (W3C, of the request that it answers) as one
 * of that. Without tracing it only runs the work.
 */
export function traced<T>(
  name: string,
  attributes: SpanAttributes,
  work: (span: OpenSpan) => Promise<T>,
  traceparent?: string,
): Promise<T> {
  return tracer === undefined ? work(NOTHING) : tracer.run(name, attributes, work, traceparent);
}

/**
 * Starts tracing when OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) is set, unless OTEL_SDK_DISABLED
 * is "true". Spans go there by OTLP over HTTP, in batches; the exporter's other variables (headers,
 * timeout, certificate) mean what they mean everywhere. What can't be sent is left out.
 * @throws runner.tracing_unavailable: its packages are not installed
 */
export async function startTracing(
  environment: Readonly<Record<string, string | undefined>>,
  instanceId: string,
): Promise<AsyncDisposable> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_SDK_DISABLED } = environment;
  const endpoint = OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || OTEL_EXPORTER_OTLP_ENDPOINT;
  if (!endpoint || OTEL_SDK_DISABLED === "true") return { [Symbol.asyncDispose]: async () => {} };
  const made = await open(environment.OTEL_SERVICE_NAME || "berth-runner", instanceId, endpoint);
  tracer = made;
  return {
    async [Symbol.asyncDispose]() {
      if (tracer === made) tracer = undefined;
      await made.close();
    },
  };
}

async function open(service: string, instanceId: string, endpoint: string): Promise<Tracer> {
  const { api, sdk, exporter } = await loadPackages(endpoint);
  const provider = new sdk.TracerProvider({
    resource: resourceOf({
      "service.name": service,
      "service.version": VERSION,
      "service.instance.id": instanceId,
    }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new exporter.OTLPTraceExporter() })],
  });
  const spans = provider.getTracer("berth", VERSION);
  const storage = new AsyncLocalStorage<Context>();
  const current = (): Context => storage.getStore() ?? api.ROOT_CONTEXT;
  return {
    async run(name, attributes, work, parent) {
      const remote = parseTraceparent(parent);
      const kind: SpanKind =
        parent === undefined && storage.getStore() !== undefined
          ? api.SpanKind.INTERNAL
          : api.SpanKind.SERVER;
      const from =
        remote === undefined
          ? current()
          : api.trace.setSpanContext(api.ROOT_CONTEXT, { ...remote, isRemote: true });
      const span = spans.startSpan(name, { attributes: { ...attributes }, kind }, from);
      const inside = api.trace.setSpan(from, span);
      try {
        return await storage.run(inside, () => work({ set: (more) => void span.setAttributes({ ...more }) }));
      } catch (cause) {
        failed(span, cause, api.SpanStatusCode.ERROR);
        throw cause;
      } finally {
        span.end();
      }
    },
    async close() {
      // What the collector does not take any more is not worth a failure at the end.
      const sent = provider.shutdown().catch(() => undefined);
      await within(CLOSE_MS, sent);
    },
  };
}

type Resource = NonNullable<TracerProviderOptions["resource"]>;

/** What says who the spans are of. The package that makes such ones is not one that users install by name. */
function resourceOf(attributes: SpanAttributes): Resource {
  return {
    attributes: { ...attributes },
    merge: (other) => resourceOf({ ...attributes, ...(other?.attributes as SpanAttributes | undefined) }),
    getRawAttributes: () => Object.entries(attributes),
  };
}

function failed(span: Span, cause: unknown, code: number): void {
  const error = toBerthError(cause, "runner");
  span.setAttribute("error.type", error.code);
  span.setStatus({ code, message: error.code });
}

async function loadPackages(endpoint: string) {
  try {
    const [api, sdk, exporter] = await Promise.all([
      import("@opentelemetry/api"),
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/exporter-trace-otlp-http"),
    ]);
    return { api, sdk, exporter };
  } catch (cause) {
    throw berthError("runner.tracing_unavailable", {
      context: { endpoint: withoutSecrets(endpoint) },
      cause,
    });
  }
}

/** An address may hold a user and a password, or a key in its query. */
function withoutSecrets(endpoint: string): string {
  if (!URL.canParse(endpoint)) return "(no URL)";
  const { protocol, host, pathname } = new URL(endpoint);
  return `${protocol}//${host}${pathname}`;
}

/** The header of W3C's Trace Context; undefined when it is none, and then a new trace begins. */
function parseTraceparent(
  header: string | undefined,
): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } | undefined {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(
    header?.trim() ?? "",
  );
  const [, version, traceId, spanId, flags, more] = match ?? [];
  if (traceId === undefined || spanId === undefined || version === "ff") return undefined;
  if ((version === "00" && more !== undefined) || /^0+$/.test(traceId) || /^0+$/.test(spanId))
    return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags ?? "00", 16) };
}
