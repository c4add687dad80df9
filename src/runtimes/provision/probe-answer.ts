import { berthError } from "../../contract/errors.ts";
import { MINIMUM_NODE_MAJOR } from "../payload-launch.ts";
import { PAYLOAD_PLATFORMS, type PayloadPlatform } from "../payload-manifest.ts";
import { PROBE_MARK } from "./probe-script.ts";

export interface RunningDaemon {
  /** Directory with `sock`, `token`, `daemon.log`. */
  readonly directory: string;
  readonly token: string;
  /** Shell text that connects stdio to the socket whose path follows it; empty when none is known. */
  readonly bridge: string;
}

export interface StateCandidate {
  readonly path: string;
  readonly verdict: "ok" | "unwritable" | "noexec" | "full";
  readonly freeKib: number | undefined;
}

/** What the probe found. */
export interface ProbeAnswer {
  readonly os: string;
  readonly arch: string;
  readonly uid: number;
  readonly gid: number;
  readonly account: string;
  readonly home: string;
  readonly shell: string;
  readonly libc: string;
  /** A Node of the place that runs the bundle. */
  readonly node: string | undefined;
  /** Also of one that can't be used; "unusable" when it does not start. */
  readonly nodeVersion: string | undefined;
  readonly tools: readonly string[];
  readonly candidates: readonly StateCandidate[];
  /** The state directory to use, and where a daemon's directory belongs in it. */
  readonly state: string | undefined;
  readonly runDirectory: string | undefined;
  /** Names of the installed parts of a payload there. */
  readonly installed: readonly string[];
  readonly running: RunningDaemon | undefined;
  /** "mnt mnt:[4026531840]": namespaces of a place of the same kernel; none of another. */
  readonly namespaces: readonly string[];
  /** False when the script went over to dialling, or was cut off. */
  readonly complete: boolean;
}

/** Reads the probe's lines; others are skipped. */
export function parseProbe(lines: readonly string[]): ProbeAnswer {
  const values = new Map<string, string[]>();
  for (const line of lines) {
    const match = /^(\S+) (\S+) ?(.*)$/.exec(line.replace(/\r$/, ""));
    if (match?.[1] !== PROBE_MARK) continue;
    const [, , key = "", value = ""] = match;
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  const all = (key: string) => values.get(key) ?? [];
  const last = (key: string) => all(key).at(-1);
  const candidates = all("directory").flatMap((text) => {
    const match = /^(ok|unwritable|noexec|full) (\d+|-) (.*)$/.exec(text);
    if (match === null) return [];
    const freeKib = match[2] === "-" ? undefined : Number(match[2]);
    return [{ verdict: match[1] as StateCandidate["verdict"], freeKib, path: match[3] ?? "" }];
  });
  const directory = last("running");
  const running =
    directory === undefined
      ? undefined
      : { directory, token: last("token") ?? "", bridge: last("bridge") ?? "" };
  return {
    os: last("os") ?? "unknown",
    arch: last("arch") ?? "unknown",
    uid: Number(last("uid") || Number.NaN),
    gid: Number(last("gid") || Number.NaN),
    account: last("account") ?? "",
    home: last("home") ?? "",
    shell: last("shell") ?? "",
    libc: last("libc") ?? "none",
    node: last("node"),
    nodeVersion: last("node-version"),
    tools: all("tool"),
    candidates,
    state: candidates.find(({ verdict }) => verdict === "ok")?.path ?? last("state"),
    runDirectory: last("place"),
    installed: all("installed"),
    running,
    namespaces: all("namespace"),
    complete: last("end") === "ok",
  };
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "x64",
  amd64: "x64",
  aarch64: "arm64",
  arm64: "arm64",
};

/**
 * The payload for a place. The daemon is the same script everywhere; only the Node and the helper that come with it are
 * of a platform: where there are none for it, the place's own Node runs the daemon without the helper.
 * @throws runtime.platform_unsupported where there is no such Node either
 */
export function platformOf(answer: Pick<ProbeAnswer, "os" | "arch" | "node">): PayloadPlatform {
  const name = `${answer.os.toLowerCase()}-${ARCHITECTURES[answer.arch] ?? answer.arch}`;
  const platform = PAYLOAD_PLATFORMS.find((known) => known === name);
  if (platform !== undefined) return platform;
  const hasShell = !/^(mingw|msys|cygwin|windows)/i.test(name);
  if (answer.node !== undefined && hasShell) return PAYLOAD_PLATFORMS[0];
  throw berthError("runtime.platform_unsupported", {
    hop: "transport",
    context: { platform: name },
    ...(hasShell
      ? {
          message: `Berth brings no Node for ${name}, and the place has none of its own`,
          hint: `With Node ${MINIMUM_NODE_MAJOR} or later on the PATH there, the daemon runs by it.`,
        }
      : {}),
  });
}

/**
 * The directory for the daemon.
 * @throws provision.no_space when the only thing that lacks is room, else provision.no_directory
 */
export function stateOf(answer: ProbeAnswer): { readonly state: string; readonly runDirectory: string } {
  const { state, runDirectory, candidates } = answer;
  if (state !== undefined && runDirectory !== undefined) return { state, runDirectory };
  const words = { ok: "usable", unwritable: "not writable", noexec: "noexec", full: "too little space" };
  const tried = candidates.map(({ path, verdict, freeKib }) => {
    const free =
      verdict === "full" && freeKib !== undefined ? `, ${Math.floor(freeKib / 1024)} MiB free` : "";
    return `${path} (${words[verdict]}${free})`;
  });
  const full = candidates.find(({ verdict }) => verdict === "full");
  throw berthError(full === undefined ? "provision.no_directory" : "provision.no_space", {
    hop: "transport",
    message:
      full === undefined
        ? `the place has no writable directory from which programs may run: ${tried.join(", ")}`
        : `the place has not enough space for the daemon: ${tried.join(", ")}`,
    context: { tried, ...(full?.freeKib === undefined ? {} : { freeBytes: full.freeKib * 1024 }) },
  });
}
