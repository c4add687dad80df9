import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { EngineConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";

export interface TlsMaterial {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  readonly skipVerify: boolean;
}

/** Where an engine listens, and how it is reached. */
export type EngineEndpoint = {
  /** For people and errors, as DOCKER_HOST has it. Holds no password. */
  readonly text: string;
  /** True when the engine surely runs on this machine, so that its bind mounts are of this machine's files. */
  readonly local: boolean;
} & (
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls?: TlsMaterial }
  | { readonly kind: "ssh"; readonly destination: string; readonly port?: number }
);

/** What the choice of an engine depends on; for tests. */
export interface EndpointEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
  readonly exists: (path: string) => boolean;
}

const DEFAULT_SOCKET = "/var/run/docker.sock";

/**
 * The engine to use, by the first of: the configuration's host or context, DOCKER_HOST, DOCKER_CONTEXT, the current
 * context of `~/.docker/config.json` (DOCKER_CONFIG moves it), /var/run/docker.sock, the socket of a rootless
 * engine, Podman's compatible socket (rootless, then the system's).
 * @throws docker.context_not_found, config.invalid for an address that is none
 */
export async function resolveEndpoint(
  config: EngineConfig | undefined,
  environment: EndpointEnvironment = {
    env: process.env,
    home: homedir(),
    uid: process.getuid?.() ?? 0,
    exists: existsSync,
  },
): Promise<EngineEndpoint> {
  const { env } = environment;
  const configDirectory = env.DOCKER_CONFIG || join(environment.home, ".docker");
  if (config?.host !== undefined) return fromHost(config.host, env);
  if (config?.context !== undefined) return fromContext(config.context, configDirectory, environment);
  if (env.DOCKER_HOST) return fromHost(env.DOCKER_HOST, env);
  const context = env.DOCKER_CONTEXT || (await currentContext(configDirectory));
  if (context !== undefined && context !== "default") {
    return fromContext(context, configDirectory, environment);
  }
  return unixEndpoint(defaultSocket(environment));
}

function defaultSocket({ env, uid, exists, home }: EndpointEnvironment): string {
  const runtimeDirectory = env.XDG_RUNTIME_DIR || `/run/user/${uid}`;
  const candidates = [
    DEFAULT_SOCKET,
    join(runtimeDirectory, "docker.sock"),
    join(home, ".docker/run/docker.sock"),
    join(runtimeDirectory, "podman/podman.sock"),
    "/run/podman/podman.sock",
  ];
  return candidates.find((path) => exists(path)) ?? DEFAULT_SOCKET;
}

function unixEndpoint(path: string): EngineEndpoint {
  return { kind: "unix", path, text: `unix://${path}`, local: true };
}

async function fromHost(host: string, env: EndpointEnvironment["env"]): Promise<EngineEndpoint> {
  const wantsTls = env.DOCKER_TLS_VERIFY !== undefined && env.DOCKER_TLS_VERIFY !== "";
  const directory = env.DOCKER_CERT_PATH;
  const tls =
    wantsTls || directory ? await readTls(directory ?? join(homedir(), ".docker"), !wantsTls) : undefined;
  return parseHost(host, tls);
}

/** unix:///path, /path, tcp://host:port, http(s)://host:port, host:port, ssh://[user@]host[:port]. */
export function parseHost(host: string, tls: TlsMaterial | undefined): EngineEndpoint {
  const invalid = (reason: string) =>
    berthError("config.invalid", {
      message: `${JSON.stringify(withoutPassword(host))} is not the address of a Docker engine: ${reason}`,
      hint: "Use unix:///path, tcp://host:port or ssh://user@host.",
    });
  if (host.startsWith("/")) return unixEndpoint(host);
  if (host.startsWith("unix://")) {
    const path = host.slice("unix://".length) || DEFAULT_SOCKET;
    if (!path.startsWith("/")) throw invalid("the socket's path has to be absolute");
    return unixEndpoint(path);
  }
  const match = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(host);
  const scheme = match?.[1] ?? "tcp";
  if (scheme === "npipe") throw invalid("named pipes are of Windows; use Berth in WSL");
  if (!["tcp", "http", "https", "ssh"].includes(scheme)) throw invalid(`${scheme}:// is unknown`);
  let url: URL;
  try {
    url = new URL(`http://${match?.[2] ?? ""}`);
  } catch {
    throw invalid("host or port cannot be read");
  }
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (hostname === "" || hostname.startsWith("-") || url.username.startsWith("-")) {
    throw invalid("the host is missing");
  }
  if (scheme === "ssh") {
    const destination = url.username === "" ? hostname : `${decodeURIComponent(url.username)}@${hostname}`;
    const port = url.port === "" ? undefined : Number(url.port);
    const text = `ssh://${destination}${port === undefined ? "" : `:${port}`}`;
    return { kind: "ssh", destination, text, local: false, ...(port === undefined ? {} : { port }) };
  }
  const secure = tls !== undefined || scheme === "https";
  // `new URL` drops port 80 of http.
  const port = Number(/:(\d+)\/?$/.exec(url.host)?.[1] ?? (/:80\/?$/.test(host) ? 80 : secure ? 2376 : 2375));
  const material = tls ?? (scheme === "https" ? { skipVerify: false } : undefined);
  return {
    kind: "tcp",
    host: hostname,
    port,
    text: `tcp://${url.hostname}:${port}`,
    local: false,
    ...(material === undefined ? {} : { tls: material }),
  };
}

function withoutPassword(host: string): string {
  return host.replace(/:\/\/([^@/:]*):[^@/]*@/, "://$1:…@");
}

async function currentContext(configDirectory: string): Promise<string | undefined> {
  const text = await readFile(join(configDirectory, "config.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const current = (parseJson(text) as { currentContext?: unknown } | undefined)?.currentContext;
  return typeof current === "string" && current !== "" ? current : undefined;
}

/** A context lies in `contexts/meta/<sha256 of its name>/meta.json`, its certificates in `contexts/tls/<same>/docker`. */
async function fromContext(
  name: string,
  configDirectory: string,
  environment: EndpointEnvironment,
): Promise<EngineEndpoint> {
  if (name === "default") return unixEndpoint(defaultSocket(environment));
  const id = createHash("sha256").update(name).digest("hex");
  const text = await readFile(join(configDirectory, "contexts/meta", id, "meta.json"), "utf8").catch(
    (cause: unknown) => {
      throw berthError("docker.context_not_found", { context: { name }, cause });
    },
  );
  const meta = parseJson(text) as
    | { Endpoints?: { docker?: { Host?: unknown; SkipTLSVerify?: unknown } } }
    | undefined;
  const endpoint = meta?.Endpoints?.docker;
  if (typeof endpoint?.Host !== "string" || endpoint.Host === "") {
    throw berthError("docker.context_not_found", {
      message: `the Docker context ${name} names no engine`,
      context: { name },
    });
  }
  const tlsDirectory = join(configDirectory, "contexts/tls", id, "docker");
  const tls = environment.exists(tlsDirectory)
    ? await readTls(tlsDirectory, endpoint.SkipTLSVerify === true)
    : undefined;
  return parseHost(endpoint.Host, tls);
}

async function readTls(directory: string, skipVerify: boolean): Promise<TlsMaterial> {
  const read = (name: string) => readFile(join(directory, name)).catch(() => undefined);
  const [ca, cert, key] = await Promise.all([read("ca.pem"), read("cert.pem"), read("key.pem")]);
  return { ca, cert, key, skipVerify };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A damaged file of docker's is docker's to report; here it only means that it names no context.
    return undefined;
  }
}
