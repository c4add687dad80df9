import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { collect } from "../../transports/collect.ts";
import { createLocalTransport } from "../../transports/local.ts";

const HELPER_DEADLINE_MS = 20_000;
/** What Docker Hub's credentials are filed under. */
const HUB_KEY = "https://index.docker.io/v1/";
/** User name with which a helper says that what it gives is a token. */
const TOKEN_USER = "<token>";

/** What the engine takes as X-Registry-Auth. Never logged, never part of an error. */
export type RegistryAuth =
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | { readonly identitytoken: string; readonly serveraddress: string }
  | { readonly registrytoken: string };

interface DockerConfigFile {
  readonly auths?: Record<string, { auth?: string; identitytoken?: string; registrytoken?: string }>;
  readonly credsStore?: string;
  readonly credHelpers?: Record<string, string>;
}

export type CredentialHelper = (name: string, server: string) => Promise<string | undefined>;

/**
 * The user's credentials for a registry, as `docker login` keeps them: by the registry's own helper, by the
 * common store, or in the configuration file. undefined when there are none: the pull is anonymous then.
 */
export async function registryAuth(
  registry: string,
  options: { readonly configDirectory?: string; readonly helper?: CredentialHelper } = {},
): Promise<RegistryAuth | undefined> {
  const directory = options.configDirectory ?? (process.env.DOCKER_CONFIG || join(homedir(), ".docker"));
  const config = await readConfig(join(directory, "config.json"));
  if (config === undefined) return undefined;
  const server = registry === "docker.io" ? HUB_KEY : registry;
  const helper = config.credHelpers?.[registry] ?? config.credHelpers?.[server] ?? config.credsStore;
  if (helper !== undefined) {
    const fromHelper = parseHelperAnswer(await (options.helper ?? runHelper)(helper, server), server);
    if (fromHelper !== undefined) return fromHelper;
  }
  return fromFile(config, registry, server);
}

/** As the header wants it: JSON in the URL's base64, with its padding. */
export function encodeRegistryAuth(auth: RegistryAuth): string {
  const base64 = Buffer.from(JSON.stringify(auth)).toString("base64");
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}

async function readConfig(path: string): Promise<DockerConfigFile | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof parsed === "object" && parsed !== null ? (parsed as DockerConfigFile) : undefined;
  } catch {
    // Without a readable file the user has no credentials, as for the docker command.
    return undefined;
  }
}

function fromFile(config: DockerConfigFile, registry: string, server: string): RegistryAuth | undefined {
  const entry = Object.entries(config.auths ?? {}).find(([key]) => {
    const host = key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
    return key === server || host === registry || (registry === "docker.io" && host === "index.docker.io");
  })?.[1];
  if (entry === undefined) return undefined;
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: server };
  if (entry.registrytoken) return { registrytoken: entry.registrytoken };
  const decoded = Buffer.from(entry.auth ?? "", "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon <= 0) return undefined;
  const password = decoded.slice(colon + 1).replace(/\0+$/, "");
  return { username: decoded.slice(0, colon), password, serveraddress: server };
}

/** `docker-credential-NAME get` reads the server on stdin and answers with JSON. */
async function runHelper(name: string, server: string): Promise<string | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) return undefined;
  try {
    const process = await createLocalTransport().run([`docker-credential-${name}`, "get"]);
    const { exitCode, stdout } = await collect(process, { input: server, deadlineMs: HELPER_DEADLINE_MS });
    return exitCode === 0 ? stdout : undefined;
  } catch {
    // A helper that is not installed, or hangs, has no credentials; the registry's refusal says what is missing.
    return undefined;
  }
}

function parseHelperAnswer(text: string | undefined, server: string): RegistryAuth | undefined {
  if (text === undefined) return undefined;
  try {
    const { Username, Secret } = JSON.parse(text) as { Username?: unknown; Secret?: unknown };
    if (typeof Secret !== "string" || Secret === "") return undefined;
    if (Username === TOKEN_USER) return { identitytoken: Secret, serveraddress: server };
    return { username: String(Username ?? ""), password: Secret, serveraddress: server };
  } catch {
    return undefined;
  }
}
