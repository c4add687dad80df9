import type { BerthEventInput } from "../../contract/events.ts";
import type { ProvisionProgress } from "../../contract/runtime.ts";

/** Where a place's being made ready is told: to a display as it goes on, and as events for the record. */
export interface ProgressSink {
  /** A phase begins. */
  phase(phase: ProvisionProgress["phase"], message: string, data?: Readonly<Record<string, unknown>>): void;
  /** It goes on; for displays only. */
  bytes(phase: ProvisionProgress["phase"], message: string, done: number, total: number | undefined): void;
}

export function createProgressSink(options: {
  readonly runtime: string;
  readonly onProgress?: ((progress: ProvisionProgress) => void) | undefined;
  readonly onEvent?: ((event: BerthEventInput) => void) | undefined;
}): ProgressSink {
  return {
    phase(phase, message, data) {
      options.onProgress?.({ phase, message });
      options.onEvent?.({ type: `provision.${phase}`, message, runtime: options.runtime, data });
    },
    bytes(phase, message, bytesDone, bytesTotal) {
      options.onProgress?.({ phase, message, bytesDone, bytesTotal });
    },
  };
}
