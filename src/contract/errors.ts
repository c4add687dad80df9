import type { ErrorEntry } from "./error-entry.ts";
import { ERROR_REGISTRY, type ErrorCode } from "./error-registry.ts";

/** Where an error arose: the process that called, the runner, the way to the place, or the daemon in it. */
export type ErrorHop = "client" | "runner" | "transport" | "berthd";

export interface ErrorContext {
  readonly [key: string]: string | number | boolean | null | undefined | readonly string[];
}

export interface BerthErrorOptions {
  /** Replaces the registry's text. Never holds a secret, an environment value or command text. */
  readonly message?: string;
  /** Replaces the registry's hint: the command to run or the setting to change. */
  readonly hint?: string;
  readonly hop?: ErrorHop;
  /** Description of the runtime, such as "docker container web-1". */
  readonly runtime?: string;
  readonly context?: ErrorContext;
  readonly cause?: unknown;
}

/** The form in which an error crosses a wire. */
export interface SerializedBerthError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly hop: ErrorHop;
  readonly runtime?: string | undefined;
  readonly context?: ErrorContext | undefined;
}

const BRAND = Symbol.for("berth.error");

/**
 * The only error that Berth throws on purpose. `code` is one of the registry (`docs/errors.md` lists all);
 * `hint` says what to do next. File errors carry the errno name (`ENOENT`) as code and `context.path`.
 */
export class BerthError extends Error {
  override readonly name: string = "BerthError";
  readonly code: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly hop: ErrorHop;
  readonly runtime: string | undefined;
  readonly context: ErrorContext;
  readonly [BRAND]: true = true;

  constructor(serialized: SerializedBerthError, options?: { cause?: unknown }) {
    super(serialized.message, options);
    this.code = serialized.code;
    this.hint = serialized.hint;
    this.retryable = serialized.retryable;
    this.hop = serialized.hop;
    this.runtime = serialized.runtime;
    this.context = serialized.context ?? {};
  }

  /** The path that a file error is about, as node:fs errors carry it. */
  get path(): string | undefined {
    const path = this.context.path;
    return typeof path === "string" ? path : undefined;
  }

  toJSON(): SerializedBerthError {
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      retryable: this.retryable,
      hop: this.hop,
      ...(this.runtime === undefined ? {} : { runtime: this.runtime }),
      ...(Object.keys(this.context).length === 0 ? {} : { context: this.context }),
    };
  }
}

/** Makes the error of a registered code. `{name}` in the registry's text and hint is filled from `context`. */
export function berthError(code: ErrorCode, options: BerthErrorOptions = {}): BerthError {
  const entry: ErrorEntry = ERROR_REGISTRY[code];
  const context = options.context ?? {};
  return new BerthError(
    {
      code,
      message: options.message ?? fill(entry.message, context),
      hint: options.hint ?? fill(entry.hint, context),
      retryable: entry.retryable,
      hop: options.hop ?? "client",
      ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
      context,
    },
    options.cause === undefined ? undefined : { cause: options.cause },
  );
}

/** True for a BerthError of any copy of this package, and, with a code, only for that code. */
export function isBerthError(error: unknown, code?: ErrorCode): error is BerthError {
  if (typeof error !== "object" || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as BerthError).code === code;
}

/** Registry entry of a code, also of one that came over a wire and is not known here. */
export function errorEntry(code: string): ErrorEntry | undefined {
  return Object.hasOwn(ERROR_REGISTRY, code) ? ERROR_REGISTRY[code as ErrorCode] : undefined;
}

function fill(text: string, context: ErrorContext): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = context[name];
    return value === undefined || value === null ? whole : String(value);
  });
}

/** errno names that file operations report as their code. */
export const FILE_ERROR_CODES = [
  "ENOENT",
  "EACCES",
  "EPERM",
  "EISDIR",
  "ENOTDIR",
  "ENOTEMPTY",
  "EEXIST",
  "ENOSPC",
  "EDQUOT",
  "EROFS",
  "ELOOP",
  "ENAMETOOLONG",
  "EINVAL",
  "EBUSY",
  "EXDEV",
  "EMFILE",
  "ENFILE",
  "EIO",
  "EFBIG",
  "ENXIO",
  "ETXTBSY",
  "ENODEV",
  "EBADF",
  "ENOTSUP",
  "ESTALE",
] as const satisfies readonly ErrorCode[];

/** Turns what node:fs threw into the error of the contract; anything else becomes `internal`. */
export function fileError(cause: unknown, path: string, hop: ErrorHop = "berthd"): BerthError {
  if (isBerthError(cause)) return cause;
  const errno = (cause as NodeJS.ErrnoException | null)?.code;
  const code = errno === "EOPNOTSUPP" ? "ENOTSUP" : errno;
  const known = FILE_ERROR_CODES.find((name) => name === code);
  if (known !== undefined) return berthError(known, { hop, context: { path }, cause });
  return berthError("internal", {
    hop,
    message: `file operation failed: ${errno ?? (cause instanceof Error ? cause.message : String(cause))}: ${path}`,
    context: { path },
    cause,
  });
}

/** Any thrown value as a BerthError, so that every answer over a wire is typed. */
export function toBerthError(cause: unknown, hop: ErrorHop): BerthError {
  if (isBerthError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return berthError("internal", { hop, message, cause });
}
