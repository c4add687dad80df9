import * as z from "zod";
import { absolutePath, baseDir, common } from "./config-fields.ts";
import { type RemoteConfig, remoteConfigSchema } from "./config-remote.ts";
import { normalizeSshConfig, type SshConfig, sshConfigSchema } from "./config-ssh.ts";
import { berthError } from "./errors.ts";

/** This machine: the directory of the caller, or another one. */
export const localConfigSchema = z.strictObject({ type: z.literal("local"), ...common });

/**
 * A git worktree on this machine, of a repository on this machine. As the configuration of a workspace it says where
 * Berth puts the worktree; as a runtime it needs the workdir.
 */
export const worktreeConfigSchema = z.strictObject({
  type: z.literal("worktree"),
  ...common,
  /** Default: `worktrees` below Berth's state directory. */
  baseDir,
});

export const engineSchema = z.strictObject({
  /** As DOCKER_HOST: unix:///…, tcp://…, ssh://…. */
  host: z.string().min(1).optional(),
  /** Name of a docker context. */
  context: z.string().min(1).optional(),
});

export const pathMapSchema = z.strictObject({
  /** Path on this machine. */
  host: absolutePath,
  /** The same directory in the container. */
  container: absolutePath,
});

export const dockerCommon = {
  type: z.literal("docker"),
  ...common,
  /** Where workspaces stand in the container. Default ~/berth. */
  baseDir,
  /** User of the commands; default: the container's own. */
  user: z.string().min(1).optional(),
  /** Default: DOCKER_HOST, DOCKER_CONTEXT, the current context, /var/run/docker.sock. */
  engine: engineSchema.optional(),
  /** Host paths as they are called in the container; longest prefix wins. Never applied to command text. */
  pathMap: z.array(pathMapSchema).optional(),
};

/** A running container of the user's own: never stopped, restarted or removed. */
export const dockerContainerConfigSchema = z.strictObject({
  ...dockerCommon,
  /** Its name or id. */
  containerId: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, { message: "is not a container's id or name" }),
});

export const mountSchema = z.strictObject({
  /** Absolute host path (bind mount) or name of a volume. */
  source: z.string().min(1),
  /** Path in the container. */
  target: absolutePath,
  /** Nothing can be written there. Default false. */
  readOnly: z.boolean().optional(),
});

export const portSchema = z.strictObject({
  /** Port in the container. */
  container: z.int().min(1).max(65535),
  /** Port of this machine. Default: any free one. */
  host: z.int().min(0).max(65535).optional(),
  /** Address of this machine. Default 127.0.0.1. */
  address: z.string().optional(),
  /** Default "tcp". */
  protocol: z.enum(["tcp", "udp"]).optional(),
});

/** A container that Berth creates from an image, and removes. */
export const dockerImageConfigSchema = z.strictObject({
  ...dockerCommon,
  /** The image, such as node:24 or debian@sha256:…. */
  image: z
    .string()
    .regex(/^[a-z0-9][A-Za-z0-9._:/@-]*$/, { message: "is not an image reference, such as debian:12" }),
  /** Name of the container. Default: one of the engine's. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/)
    .optional(),
  /** Directories of this machine and volumes in the container. */
  mounts: z.array(mountSchema).optional(),
  /** Ports of the container that this machine listens on. */
  ports: z.array(portSchema).optional(),
  /** When the image is pulled. Default "missing". */
  pull: z.enum(["missing", "always", "never"]).optional(),
  /** "user": the credentials of docker login go to the engine for this pull; "none": anonymous. Default "user". */
  registryCredentials: z.enum(["user", "none"]).optional(),
  /** CPUs, fractions allowed. */
  cpus: z.number().positive().optional(),
  /** Limit of memory, in bytes. */
  memoryBytes: z
    .int()
    .min(6 * 1024 * 1024)
    .optional(),
  /** Processes at most. Default 4096. */
  pidsLimit: z.int().min(16).optional(),
  /** The image's own files can't be changed. Default false. */
  readOnly: z.boolean().optional(),
  /** A network of the engine, or "none". Default: the engine's own. */
  network: z.string().min(1).optional(),
  /** "image": the image's own entrypoint and command run beside the daemon. Default "none". */
  entrypoint: z.enum(["none", "image"]).optional(),
  /** How the daemon gets in. "auto": "mount" where the engine can mount from this machine, else "image". */
  delivery: z.enum(["auto", "mount", "image"]).optional(),
  /** Milliseconds without its owner after which `berth gc` removes it. Default 24 h. */
  leaseMs: z.int().positive().optional(),
  /** Keep the container when the runtime is closed. Default false. */
  keep: z.boolean().optional(),
});

export const runtimeConfigSchema = z.union([
  localConfigSchema,
  worktreeConfigSchema,
  dockerContainerConfigSchema,
  dockerImageConfigSchema,
  sshConfigSchema,
  remoteConfigSchema,
]);

export type LocalConfig = z.infer<typeof localConfigSchema>;
export type DockerContainerConfig = z.infer<typeof dockerContainerConfigSchema>;
export type DockerImageConfig = z.infer<typeof dockerImageConfigSchema>;
export type DockerConfig = DockerContainerConfig | DockerImageConfig;
export type EngineConfig = z.infer<typeof engineSchema>;
export type WorktreeConfig = z.infer<typeof worktreeConfigSchema>;
export type RuntimeConfig = LocalConfig | WorktreeConfig | DockerConfig | SshConfig | RemoteConfig;
export type { RemoteConfig } from "./config-remote.ts";
export type { SecretReference, SshConfig } from "./config-ssh.ts";

/** Types that the design names and later versions bring. */
const FUTURE_TYPES = ["sandbox", "kubernetes", "vm"];

/** What is wrong with a field of a configuration. */
export interface ConfigProblem {
  /** Dotted, as "ports.0.container"; "" is the whole. */
  readonly field: string;
  /** In words, without the value, which may be secret. */
  readonly reason: string;
}

/** What is wrong with a configuration of unknown origin, field by field; nothing when it is valid. Works in pages, too. */
export function runtimeConfigProblems(value: unknown): ConfigProblem[] {
  const read = readConfig(value);
  if ("config" in read) return [];
  if ("laterType" in read) {
    const { message } = berthError("runtime.type_unsupported", { context: { type: read.laterType } });
    return [{ field: "type", reason: message }];
  }
  return read.problems.flatMap(({ fields, reason }) => fields.map((field) => ({ field, reason })));
}

/**
 * Validates a runtime configuration of unknown origin.
 * @throws config.invalid with the field, the reason and a hint; runtime.type_unsupported for types to come
 */
export function parseRuntimeConfig(value: unknown, source = "configuration"): RuntimeConfig {
  const read = readConfig(value);
  if ("config" in read) return read.config;
  if ("laterType" in read) {
    throw berthError("runtime.type_unsupported", { context: { type: read.laterType } });
  }
  throw berthError("config.invalid", {
    message: `${source}: ${read.problems.map(({ text }) => text).join("; ")}`,
    context: { source, fields: read.problems.flatMap(({ fields }) => fields) },
  });
}

interface Problem {
  readonly fields: readonly string[];
  readonly reason: string;
  /** Fields and reason as a sentence. */
  readonly text: string;
}

type Read =
  | { readonly config: RuntimeConfig }
  | { readonly laterType: string }
  | { readonly problems: readonly Problem[] };

function readConfig(value: unknown): Read {
  const type = typeof value === "object" && value !== null ? (value as { type?: unknown }).type : undefined;
  if (typeof type === "string" && FUTURE_TYPES.includes(type)) return { laterType: type };
  const schema = schemaFor(value, type);
  if ("text" in schema) return { problems: [schema] };
  const result = schema.safeParse(value);
  if (!result.success) return { problems: result.error.issues.map((issue) => problemOf(issue, value)) };
  const config = result.data.type === "ssh" ? normalizeSshConfig(result.data) : result.data;
  if (typeof config !== "string") return { config };
  const [field = ""] = config.split(":", 1);
  return { problems: [{ fields: [field], reason: config.slice(field.length + 2), text: config }] };
}

function schemaFor(value: unknown, type: unknown): z.ZodType<RuntimeConfig> | Problem {
  if (typeof value !== "object" || value === null) return problem([], "has to be an object with a type");
  if (type === "local") return localConfigSchema;
  if (type === "worktree") return worktreeConfigSchema;
  if (type === "ssh") {
    return "host" in value
      ? sshConfigSchema
      : problem(["host"], 'is missing, for example host: "dev@box"', "host ");
  }
  if (type === "remote") {
    return "url" in value
      ? remoteConfigSchema
      : problem(["url"], 'is missing, for example url: "https://runner.example:7333"', "url ");
  }
  if (type !== "docker") {
    const known = 'it is "local", "worktree", "docker", "ssh" or "remote"';
    return problem(["type"], `${JSON.stringify(type)} is not a runtime type; ${known}`, "type: ");
  }
  const hasContainer = "containerId" in value;
  const hasImage = "image" in value;
  const either = ["containerId", "image"];
  if (hasContainer && hasImage) return problem(either, "give one of them, not both", "containerId, image: ");
  if (!hasContainer && !hasImage) {
    return problem(either, 'is missing, for example image: "debian:12"', "containerId or image ");
  }
  return hasContainer ? dockerContainerConfigSchema : dockerImageConfigSchema;
}

function problem(fields: readonly string[], reason: string, subject = ""): Problem {
  return { fields: fields.length === 0 ? [""] : fields, reason, text: `${subject}${reason}` };
}

function problemOf(issue: z.core.$ZodIssue, value: unknown): Problem {
  const text = describeIssue(issue);
  const isMissing = issue.code === "invalid_type" && at(value, issue.path) === undefined;
  // The words of the library itself, where a field has none of its own.
  const reason = isMissing && issue.message.startsWith("Invalid input") ? "is missing" : issue.message;
  return { fields: fieldsOf(issue), reason, text };
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

/** Dotted names of the fields that a problem is about; for unknown fields these themselves. */
function fieldsOf(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String);
  const last = issue.code === "unrecognized_keys" ? issue.keys : [];
  return last.length === 0 ? [path.join(".")] : last.map((key) => [...path, key].join("."));
}

/** "field: reason" of one problem; values are not shown, they may be secret. */
export function describeIssue(issue: {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}): string {
  const path = issue.path.map(String).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
