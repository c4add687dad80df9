import { randomBytes } from "node:crypto";
import type { BerthEventInput } from "../contract/events.ts";
import { HELD_SECRETS } from "../contract/mask.ts";
import { VERSION } from "../contract/version.ts";
import type { EventLog } from "../events/event-log.ts";
import { openEventLog } from "../events/open.ts";
import { openWorkspaces } from "../workspaces/open.ts";
import { aboutHandlers } from "./about.ts";
import { tokenHandlers } from "./access/handlers.ts";
import { openAccess, requireSecureBinding } from "./access/open.ts";
import { sessionHandlers } from "./access/session-handlers.ts";
import type { RunnerContext, RunnerOptions } from "./context.ts";
import { eventHandlers } from "./events.ts";
import type { Handlers, Upgrades } from "./handlers.ts";
import { callConcerns, currentCause } from "./http/cause.ts";
import { documentHandlers } from "./http/document.ts";
import { idempotencyStore } from "./http/idempotency-store.ts";
import { createHttpServer, type HttpServer } from "./http/server.ts";
import { createMcp } from "./mcp/handlers.ts";
import { countEvent } from "./observe/count-event.ts";
import { figuresOf } from "./observe/figures.ts";
import { observeHandlers } from "./observe/handlers.ts";
import { createLog, type LogOptions } from "./observe/log.ts";
import { logEvent } from "./observe/log-event.ts";
import { createMetrics } from "./observe/metrics.ts";
import { startTracing } from "./observe/tracing.ts";
import { readPageFiles } from "./page/files.ts";
import { createPage } from "./page/page.ts";
import { createPreviews } from "./previews/previews.ts";
import { openProcessIndex } from "./processes/process-index.ts";
import { createProcesses } from "./processes/processes.ts";
import { wireUpgrades } from "./wire/gateway.ts";
import { createRuntimePool } from "./work/pool.ts";
import { createWork } from "./work/work.ts";
import { workspaceOf } from "./workspace-of.ts";

/** A runner with all of its parts, which does not listen yet. */
export interface Assembled extends AsyncDisposable {
  readonly context: RunnerContext;
  readonly server: HttpServer;
  /** Settles when no operation is under way any more, or after so long. */
  operationsEnd(waitMs: number): Promise<void>;
  /** New calls are refused from now on, streams end, and clients that are attached are told to come back. */
  beginToStop(): void;
}

/**
 * Puts the runner together: whatever can't be opened is found out here, before anything listens. Disposing ends the parts
 * in reverse order; processes go on.
 * @throws runner.insecure, runner.tls_invalid, runner.tracing_unavailable, cli.usage, store.*, provision.no_directory
 */
export async function assemble(options: RunnerOptions, logOptions: LogOptions): Promise<Assembled> {
  requireSecureBinding(options);
  await using stack = new AsyncDisposableStack();
  const instanceId = `run_${randomBytes(8).toString("hex")}`;
  const { stateDirectory, database } = options;
  const secrets = HELD_SECRETS;
  const log = createLog(logOptions, secrets);
  stack.use(await startTracing(process.env, instanceId));
  const metrics = createMetrics();
  metrics.gauge("berth_info", 1, { version: VERSION });
  const stopping = new AbortController();

  const events: EventLog = stack.use(
    await openEventLog({
      stateDirectory,
      database,
      actor: "runner",
      mask: (record) => secrets.json(record),
      keepDays: options.eventKeepDays,
      onTrouble: (error) => log.error({ error }, "events can't be written"),
    }),
  );
  // Of what happens in answer to a call, that call is the cause.
  const emit = (event: BerthEventInput): void => {
    const cause = currentCause();
    const caused = cause === undefined ? event : { cause: cause.id, actor: cause.actor, ...event };
    countEvent(metrics, event);
    logEvent(log, caused);
    events.append(caused);
  };
  const workspaces = stack.use(
    await openWorkspaces({
      stateDirectory,
      ...(database === undefined ? {} : { database }),
      events: { append: emit, flush: () => events.flush(), read: (query) => events.read(query) },
    }),
  );
  const access = stack.use(await openAccess({ options, emit, metrics }));
  const runtimes = stack.use(createRuntimePool({ workspaces, emit }));
  const workspace: RunnerContext["workspace"] = async (selector, caller) => {
    const found = await workspaceOf(workspaces, selector, caller);
    callConcerns({ workspace: found.id });
    return found;
  };
  const context: RunnerContext = {
    options,
    instanceId,
    startedAt: new Date().toISOString(),
    workspaces,
    runtimes,
    processes: stack.use(await openProcessIndex({ options, runtimes, workspace })),
    events,
    metrics,
    log,
    secrets,
    emit,
    workspace,
    stopping: stopping.signal,
  };
  const processes = stack.use(createProcesses(context));
  const previews = stack.use(createPreviews(context, access));
  const mcp = stack.use(createMcp(context, access));
  const work = stack.use(createWork(context));
  const handlers = {
    ...aboutHandlers(context),
    ...documentHandlers(),
    ...eventHandlers(context),
    ...observeHandlers(context, metrics, stack.use(figuresOf(context, metrics))),
    ...tokenHandlers(context, access),
    ...sessionHandlers(context, access),
    ...processes.handlers,
    ...previews.handlers,
    ...mcp.handlers,
    ...work.handlers,
  } satisfies Handlers;
  const upgrades = { ...wireUpgrades(context), ...processes.upgrades } satisfies Upgrades;
  const server = stack.use(
    await createHttpServer({
      host: options.host,
      port: options.port,
      tls: options.tls,
      handlers,
      upgrades,
      access,
      elsewhere: previews.elsewhere,
      page: createPage(await readPageFiles(options.pageDirectory)),
      idempotency: idempotencyStore(access.store),
      metrics,
      log,
      emit,
      mask: (json) => secrets.json(json),
      stopping: stopping.signal,
      limits: options.callsPerMinute === undefined ? {} : { callsPerMinute: options.callsPerMinute },
    }),
  );
  const owned = stack.move();
  return {
    context,
    server,
    operationsEnd: work.operationsEnd,
    beginToStop: () => stopping.abort(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
