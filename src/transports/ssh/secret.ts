import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { homedir } from "node:os";
import type { SecretReference } from "../../contract/config-ssh.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { HELD_SECRETS } from "../../contract/mask.ts";
import { abortedError } from "../abort.ts";
import { collect } from "../collect.ts";
import { createLocalTransport } from "../local.ts";

/** A password manager may ask for a finger or a touch. */
const COMMAND_DEADLINE_MS = 30_000;
/** No password or passphrase is longer; a file of this size is something else. */
const LIMIT_BYTES = 64 * 1024;

/**
 * Reads a secret from where the configuration says. One newline at its end does not count. The value is in no error.
 * @param field name for people: "password", "passphrase"
 * @throws ssh.secret_unavailable, operation.aborted
 */
export async function readSecret(
  reference: SecretReference,
  field: string,
  options: { readonly signal?: AbortSignal | undefined; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const unavailable = (reason: string) =>
    berthError("ssh.secret_unavailable", {
      message: `the ${field} cannot be had: ${reason}`,
      context: { field },
    });
  const value = await ("env" in reference
    ? fromEnvironment(reference.env, options.environment ?? process.env, unavailable)
    : "file" in reference
      ? fromFile(reference.file, unavailable)
      : fromCommand(reference.command, options.signal, unavailable));
  const secret = value.replace(/\r?\n$/, "");
  if (secret === "") throw unavailable(`${describe(reference)} gives nothing`);
  HELD_SECRETS.add(secret);
  return secret;
}

type Unavailable = (reason: string) => Error;

/** Where it is looked for, without anything of what is there. */
function describe(reference: SecretReference): string {
  if ("env" in reference) return `the variable ${reference.env}`;
  return "file" in reference ? `the file ${reference.file}` : `the command ${reference.command[0]}`;
}

function fromEnvironment(name: string, environment: NodeJS.ProcessEnv, unavailable: Unavailable): string {
  const value = environment[name];
  if (value === undefined) throw unavailable(`the variable ${name} is not set`);
  return value;
}

async function fromFile(path: string, unavailable: Unavailable): Promise<string> {
  const absolute = path.startsWith("~/") ? homedir() + path.slice(1) : path;
  try {
    // The open file is what is looked at and read: the name may lead elsewhere a moment later.
    // A pipe without a writer would be waited for.
    await using file = await open(absolute, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await file.stat();
    const { mode, uid, size } = status;
    if (!status.isFile()) throw unavailable(`${path} is not a file`);
    const own = process.getuid?.();
    if (own !== undefined && uid !== own && uid !== 0) throw unavailable(`the file ${path} is not yours`);
    if ((mode & 0o077) !== 0) throw unavailable(`others can read the file ${path} (chmod 600)`);
    if (size > LIMIT_BYTES) throw unavailable(`the file ${path} is too large for a secret`);
    return await file.readFile("utf8");
  } catch (cause) {
    if (isBerthError(cause)) throw cause;
    throw unavailable(
      `the file ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? "unknown reason"}`,
    );
  }
}

async function fromCommand(
  argv: readonly string[],
  signal: AbortSignal | undefined,
  unavailable: Unavailable,
): Promise<string> {
  try {
    const aborted = signal === undefined ? {} : { signal };
    const child = await createLocalTransport().run(argv, aborted);
    const { exitCode, stdout } = await collect(child, {
      ...aborted,
      deadlineMs: COMMAND_DEADLINE_MS,
      limitBytes: LIMIT_BYTES,
    });
    if (exitCode === 0) return stdout;
    throw unavailable(`the command ${argv[0]} ended with ${exitCode ?? "a signal"}`);
  } catch (cause) {
    if (signal?.aborted) throw abortedError(signal);
    if (isBerthError(cause, "ssh.secret_unavailable")) throw cause;
    if (isBerthError(cause, "operation.timeout")) {
      throw unavailable(`the command ${argv[0]} did not end within ${COMMAND_DEADLINE_MS / 1_000} s`);
    }
    throw unavailable(`the command ${argv[0]} cannot be run`);
  }
}
