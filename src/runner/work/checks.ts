import type * as z from "zod";
import type { checkEvent } from "../../api/common.ts";
import { type CheckReportJson, checkReportToJson, checkStepToJson } from "../../api/json-workspaces.ts";
import type { CheckOptions, CheckReport } from "../../contract/runtime.ts";
import type { Call } from "../context.ts";
import type { ServerEvent } from "../handlers.ts";

type CheckEvent = z.input<typeof checkEvent>;
type Check = (options: CheckOptions & { readonly signal: AbortSignal }) => Promise<CheckReport>;

/** The answer of a check: its report, or, to who accepts events, also what it does until then. */
export async function answerOfCheck(
  { headers, signal }: Pick<Call, "headers" | "signal">,
  check: Check,
): Promise<
  | { readonly status: 200; readonly body: CheckReportJson }
  | { readonly status: 200; readonly events: AsyncIterable<ServerEvent<CheckEvent>> }
> {
  if (headers.accept?.includes("text/event-stream") !== true) {
    return { status: 200, body: checkReportToJson(await check({ signal })) };
  }
  return { status: 200, events: liveCheck(check, signal) };
}

/** Who stops reading ends the check. */
function liveCheck(check: Check, signal: AbortSignal): AsyncIterable<ServerEvent<CheckEvent>> {
  const left = new AbortController();
  return new ReadableStream<ServerEvent<CheckEvent>>({
    start(told) {
      const tell = (data: CheckEvent): void => {
        if (!left.signal.aborted) told.enqueue({ event: data.type, data });
      };
      check({
        signal: AbortSignal.any([signal, left.signal]),
        onStart: (name) => tell({ type: "started", name }),
        onStep: (step) => tell({ type: "step", step: checkStepToJson(step) }),
      }).then(
        (report) => {
          tell({ type: "end", report: checkReportToJson(report) });
          if (!left.signal.aborted) told.close();
        },
        (error: unknown) => told.error(error),
      );
    },
    cancel: () => left.abort(),
  });
}
