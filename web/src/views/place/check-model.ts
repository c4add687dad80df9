import type { CheckEvent, components } from "../../../../src/client/index.ts";

export type CheckStep = components["schemas"]["CheckStep"];

/** A check as it is told. */
export interface CheckRun {
  readonly state: "running" | "ok" | "failed" | "cancelled";
  readonly steps: readonly ShownStep[];
}

export interface ShownStep {
  readonly name: string;
  /** undefined while it runs. */
  readonly result: CheckStep | undefined;
}

export const STARTED: CheckRun = { state: "running", steps: [] };

export function told(run: CheckRun, event: CheckEvent): CheckRun {
  switch (event.type) {
    case "started":
      return { ...run, steps: [...run.steps, { name: event.name, result: undefined }] };
    case "step": {
      const { step } = event;
      const at = run.steps.findIndex(({ name, result }) => name === step.name && result === undefined);
      const shown: ShownStep = { name: step.name, result: step };
      return { ...run, steps: at === -1 ? [...run.steps, shown] : run.steps.with(at, shown) };
    }
    case "end":
      return {
        state: event.report.ok ? "ok" : "failed",
        steps: event.report.steps.map((step) => ({ name: step.name, result: step })),
      };
  }
}

/** When a host that is left alone for a moment may be asked again, as milliseconds of the clock; undefined: it may be now. */
export function waitsUntil({ steps }: CheckRun): number | undefined {
  const waiting = steps.find(({ result }) => result?.code === "ssh.waiting")?.result;
  const at = Date.parse(String(waiting?.context?.retryAt ?? ""));
  return Number.isNaN(at) ? undefined : at;
}

/** A key of a host that nobody has compared yet, or that is not the one that is known. */
export interface HostKeyFinding {
  readonly kind: "unknown" | "changed" | "revoked";
  readonly host: string;
  readonly fingerprint: string;
  readonly keyType: string;
}

export function hostKeyOf({ code, context = {} }: CheckStep): HostKeyFinding | undefined {
  const kind = /^ssh\.host_key_(unknown|changed|revoked)$/.exec(code ?? "")?.[1];
  if (kind === undefined) return undefined;
  const text = (name: string): string => (typeof context[name] === "string" ? context[name] : "");
  return {
    kind: kind as HostKeyFinding["kind"],
    host: text("host"),
    fingerprint: text("fingerprint"),
    keyType: text("keyType"),
  };
}

/** The file that sshd has a key of this type in, for who compares it there. */
export function keyFileOf(keyType: string): string {
  const kind = /ed25519|ecdsa|rsa|dsa|dss/i.exec(keyType)?.[0].toLowerCase().replace("dss", "dsa") ?? "*";
  return `/etc/ssh/ssh_host_${kind}_key.pub`;
}
