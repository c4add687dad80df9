import { parseRuntimeConfig, type RuntimeConfig } from "../contract/config.ts";
import type { OpenOptions, Runtime } from "../contract/runtime.ts";
import { isRuntimeUri, parseRuntimeUri } from "../contract/uri.ts";
import { throwIfAborted } from "../transports/abort.ts";
import type { BerthFile } from "./berth-yaml.ts";
import { createRuntime } from "./factory.ts";
import { findBerthFile } from "./find-berth-file.ts";
import { unknownRuntime } from "./runtime-names.ts";
import { stateDirectoryPath } from "./state-directory.ts";

/** A runtime as it was asked for, with what it means. */
export interface ResolvedRuntime {
  readonly config: RuntimeConfig;
  /** The name or URI; undefined for a configuration object. */
  readonly name: string | undefined;
  /** The berth.yaml that it comes from. */
  readonly file: string | undefined;
}

/**
 * What a configuration, a name of berth.yaml or a URI stands for. Without one: the default of berth.yaml, else
 * `local`.
 * @throws config.invalid, config.file_invalid, config.unknown_runtime, runtime.uri_invalid, runtime.type_unsupported
 */
export async function resolveRuntime(
  runtime: RuntimeConfig | string | undefined,
  options: Pick<OpenOptions, "projectDirectory"> = {},
): Promise<ResolvedRuntime> {
  if (typeof runtime === "object") {
    return { config: parseRuntimeConfig(runtime), name: undefined, file: undefined };
  }
  if (runtime !== undefined && isRuntimeUri(runtime)) return fromUri(runtime, undefined);
  const file = await findBerthFile(options.projectDirectory ?? process.cwd());
  const name = runtime ?? file?.defaultName;
  if (name === undefined) return { config: { type: "local" }, name: "local:", file: file?.path };
  if (runtime === undefined && isRuntimeUri(name)) return fromUri(name, file);
  const config = file?.runtimes.get(name);
  if (config !== undefined) return { config, name, file: file?.path };
  const later = file?.later.get(name);
  if (later !== undefined) throw later.error;
  // A name of berth.yaml may be "local"; without one the word means what it says.
  if (name === "local") return { config: { type: "local" }, name, file: undefined };
  throw unknownRuntime(name, [...(file?.runtimes.keys() ?? []), ...(file?.later.keys() ?? [])]);
}

function fromUri(uri: string, file: BerthFile | undefined): ResolvedRuntime {
  return { config: parseRuntimeUri(uri), name: uri, file: file?.path };
}

/**
 * Opens the place where commands run: by configuration, by a name of `berth.yaml`, or by URI (`local:`,
 * `docker://web`, `docker-image:debian:12`). Starts or installs the daemon where that is needed; `onProgress` tells.
 * @throws config.*, runtime.*, docker.*, provision.*, payload.not_built, transport.*, wire.*, operation.aborted
 */
export async function openRuntime(
  runtime?: RuntimeConfig | string,
  options: OpenOptions = {},
): Promise<Runtime> {
  throwIfAborted(options.signal);
  const { config } = await resolveRuntime(runtime, options);
  return createRuntime(config, {
    options,
    stateDirectory: stateDirectoryPath(options.stateDirectory),
    baseDirectory: options.projectDirectory ?? process.cwd(),
  });
}
