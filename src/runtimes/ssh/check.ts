import type { SshConfig } from "../../contract/config.ts";
import type { ErrorCode } from "../../contract/error-registry.ts";
import { toBerthError } from "../../contract/errors.ts";
import type { CheckOptions, CheckReport } from "../../contract/runtime.ts";
import { resolveSshTarget } from "../../transports/ssh/resolve.ts";
import type { SshTarget } from "../../transports/ssh/target.ts";
import type { SshTransport } from "../../transports/ssh/transport.ts";
import { CheckSteps, millisecondsSince, StepFailed } from "../common/check-steps.ts";
import type { RuntimeContext } from "../context.ts";
import { checkPlace } from "../provision/check-place.ts";
import type { ProbeAnswer } from "../provision/probe-answer.ts";
import { hostTransport } from "./host-transport.ts";
import { hostConnector, openSsh } from "./open.ts";

const STAGES = ["connect", "host key", "authentication"] as const;

const CODES: Readonly<Record<string, (typeof STAGES)[number]>> = {
  "ssh.host_key_unknown": "host key",
  "ssh.host_key_changed": "host key",
  "ssh.host_key_revoked": "host key",
  "ssh.auth_failed": "authentication",
  "ssh.password_refused": "authentication",
  "ssh.too_many_keys": "authentication",
  "ssh.key_unusable": "authentication",
  "ssh.key_encrypted": "authentication",
  "ssh.secret_unavailable": "authentication",
} satisfies Partial<Record<ErrorCode, (typeof STAGES)[number]>>;

/**
 * "Test connection" of a host from the start: resolve, connect, host key, authentication, login shell, platform, space,
 * installation, forwarding, daemon, round trip, command, files. Connects, host key and authentication are one handshake: its time
 * stands at "connect", or where it failed. Stops at the first step that fails; never throws for one.
 */
export async function checkSsh(
  config: SshConfig,
  context: RuntimeContext,
  told: Pick<CheckOptions, "onStart" | "onStep">,
): Promise<CheckReport> {
  const { signal } = context.options;
  const steps = new CheckSteps(told);
  let description = `ssh host ${config.host}`;
  try {
    const target = await steps.run("resolve", () => resolveSshTarget(config, { signal }), describeTarget);
    await using transport = hostTransport(target, context.options);
    ({ description } = transport);
    await checkWay(target, transport, steps, signal);
    const connector = hostConnector(config, context, transport);
    if (config.daemon !== "never") {
      await checkPlace({ probe: () => connector.probe({ signal }), steps, shellStep: "login shell" });
    }
    const since = performance.now();
    steps.start("daemon");
    await using runtime = await openSsh(config, context).catch((cause: unknown) => {
      steps.fail("daemon", since, cause);
      throw new StepFailed();
    });
    const opened = millisecondsSince(since);
    const { daemon, reasons } = runtime.capabilities;
    const without = `none: ${reasons.daemon ?? "it is not used"}`;
    const known = new Set([...steps.done.map(({ name }) => name), "daemon"]);
    if (!daemon) steps.add({ name: "daemon", ok: true, durationMs: opened, detail: without });
    else
      await checkForwarding(transport, (await connector.probe({ signal })).running?.directory, steps, signal);
    await runtime.check({
      signal,
      onStart: (name) => {
        if (!known.has(name)) steps.start(name);
      },
      onStep: (step) => {
        // The time that it took to be there, started or installed; what it says is its own.
        if (step.name === "daemon") steps.add({ ...step, durationMs: opened });
        else if (!known.has(step.name)) steps.add(step);
      },
    });
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  return { ok: steps.ok, runtime: description, steps: steps.done };
}

/** How the daemon's socket is reached. That its sshd forwards none is advice: the bridge does the same, slower. */
async function checkForwarding(
  transport: SshTransport,
  runDirectory: string | undefined,
  steps: CheckSteps,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (runDirectory === undefined) return;
  const since = performance.now();
  steps.start("forwarding");
  const add = (detail: string, hint?: string) =>
    steps.add({ name: "forwarding", ok: true, durationMs: millisecondsSince(since), detail, hint });
  try {
    const stream = await transport.dial(`${runDirectory}/sock`, signal === undefined ? {} : { signal });
    stream.destroy();
    add("its sshd forwards unix sockets: transfers take a stream of their own");
  } catch (cause) {
    const { code, message, hint } = toBerthError(cause, "transport");
    if (code !== "ssh.forwarding_refused") {
      steps.fail("forwarding", since, cause);
      throw new StepFailed();
    }
    add(`${message}: everything goes over the daemon's bridge`, hint);
  }
}

export interface OpenHost {
  readonly target: SshTarget;
  readonly transport: SshTransport;
  /** Looks at the place; undefined where no daemon is wanted. */
  readonly probe: ((signal: AbortSignal | undefined) => Promise<ProbeAnswer>) | undefined;
}

/** The same of a host that is open: its own steps come behind. @throws StepFailed */
export async function checkOpenHost(
  { target, transport, probe }: OpenHost,
  steps: CheckSteps,
  signal: AbortSignal | undefined,
): Promise<void> {
  await steps.run("resolve", () => target, describeTarget);
  await checkWay(target, transport, steps, signal);
  if (probe !== undefined) {
    await checkPlace({ probe: () => probe(signal), steps, shellStep: "login shell" });
  }
}

function describeTarget(target: SshTarget) {
  const { user, hostname, port, proxyJump, proxyCommand, resolvedBy, lost } = target;
  const over = proxyJump ?? (proxyCommand === undefined ? undefined : "a proxy command");
  return {
    detail: `${user}@${hostname} port ${port}${over === undefined ? "" : ` over ${over}`}, ${resolvedBy === "openssh" ? "by ssh -G" : "without the user's ssh configuration"}`,
    hint: lost.length === 0 ? undefined : lost.join(" "),
  };
}

/** @throws StepFailed */
async function checkWay(
  target: SshTarget,
  transport: SshTransport,
  steps: CheckSteps,
  signal: AbortSignal | undefined,
): Promise<void> {
  const since = performance.now();
  steps.start("connect");
  try {
    const info = await transport.connect({ signal });
    const durationMs = millisecondsSince(since);
    const by = info.transport === "openssh" ? "OpenSSH" : "ssh2";
    steps.add({ name: "connect", ok: true, durationMs, detail: `${by}: ${info.reason}` });
    const files = target.given.knownHostsFile ?? "the user's known_hosts";
    steps.add({ name: "host key", ok: true, durationMs: 0, detail: `verified by ${files}; ${info.detail}` });
    steps.add({ name: "authentication", ok: true, durationMs: 0, detail: `accepted as ${target.user}` });
  } catch (cause) {
    const { code } = toBerthError(cause, "transport");
    const failed = CODES[code] ?? "connect";
    for (const name of STAGES.slice(0, STAGES.indexOf(failed))) {
      steps.add({ name, ok: true, durationMs: 0, detail: "went well" });
    }
    steps.fail(failed, since, cause);
    throw new StepFailed();
  }
}
