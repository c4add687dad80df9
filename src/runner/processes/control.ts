import { processToJson } from "../../api/json-processes.ts";
import { defined } from "../../contract/defined.ts";
import { berthError } from "../../contract/errors.ts";
import { unlessAborted } from "../../transports/abort.ts";
import type { FoundProcess, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { requestedPattern } from "./requested-pattern.ts";
import type { ProcessSessions } from "./sessions.ts";

type Calls =
  | "getProcess"
  | "deleteProcess"
  | "writeStdin"
  | "signalProcess"
  | "killProcess"
  | "resizeProcess"
  | "detachProcess"
  | "waitReady";

/** What is done to one process. What is refused changes nothing. */
export function controlHandlers(context: RunnerContext, sessions: ProcessSessions): Handlers<Calls> {
  const { processes } = context;
  const tell = (
    found: Pick<FoundProcess, "workspace" | "process">,
    type: string,
    message: string,
    data: Readonly<Record<string, unknown>> = {},
  ): void => {
    context.emit({ type, message, workspace: found.workspace.id, processId: found.process.id, data });
  };
  return {
    getProcess: async ({ params, caller, signal }) => {
      using found = await processes.find(params.id, caller, signal);
      return { status: 200, body: processToJson(found.info, found.workspace.id) };
    },

    deleteProcess: async ({ params, caller, signal }) => {
      using found = await processes.find(params.id, caller, signal);
      await found.process.remove();
      tell(found, "process.removed", "a process and its log were removed");
      return { status: 204 };
    },

    writeStdin: async ({ params, query, caller, signal, stream }) => {
      const found = await processes.find(params.id, caller, signal);
      const { workspace, process, info } = found;
      using session = sessions.open(found);
      const { id, state } = info;
      if (state !== "running") {
        throw berthError(state === "lost" ? "process.lost" : "process.finished", {
          hop: "runner",
          context: { id },
        });
      }
      try {
        let bytes = 0;
        for await (const chunk of stream) {
          await unlessAborted(session.stdin.write(chunk), signal);
          bytes += chunk.length;
        }
        if (query.eof) await unlessAborted(session.stdin.end(), signal);
        await unlessAborted(session.stdin.flush(), signal);
        tell({ workspace, process }, "process.input", "a process was written to", { bytes, eof: query.eof });
      } catch (error) {
        session.failed(error);
        throw error;
      }
      return { status: 204 };
    },

    signalProcess: async ({ params, body, caller, signal }) => {
      using found = await processes.find(params.id, caller, signal);
      await found.process.signal(body.name);
      tell(found, "process.signalled", "a process was sent a signal", { signal: body.name });
      return { status: 204 };
    },

    killProcess: async ({ params, body, caller, signal }) => {
      using found = await processes.find(params.id, caller, signal);
      const graceMs = body.grace_ms;
      const { left } = await found.process.kill(body.signal, graceMs === undefined ? {} : { graceMs });
      if (found.info.state === "running") {
        tell(found, "process.killed", "a process was asked to end", { left });
      }
      return { status: 204 };
    },

    resizeProcess: async ({ params, body, caller, signal }) => {
      using found = await processes.find(params.id, caller, signal);
      await found.process.resize(body);
      return { status: 204 };
    },

    detachProcess: async ({ params, caller, signal }) => {
      using found = await processes.find(params.id, caller, signal);
      await found.process.detach();
      tell(found, "process.detached", "a process was given no lease");
      return { status: 204 };
    },

    waitReady: async ({ params, body, caller, signal }) => {
      const { port, http } = body;
      const output = body.output === undefined ? undefined : requestedPattern(body.output);
      using found = await processes.find(params.id, caller, signal);
      try {
        await found.process.ready({
          ...defined({ port, http, output }),
          timeoutMs: body.timeout_ms,
          signal,
        });
      } finally {
        found.process.release();
      }
      return { status: 204 };
    },
  };
}
