import { berthError } from "../contract/errors.ts";

/** SQLSTATE: appendix A of PostgreSQL's manual. */
const UNIQUE_VIOLATION = "23505";
const UNDEFINED_TABLE = "42P01";
const LOCK_NOT_AVAILABLE = "55P03";
/** Classes "connection exception", "invalid authorization", "insufficient resources", "operator intervention", and an unknown database. */
const UNREACHABLE = /^(08|28|53|57)|^3D000$/;

/**
 * What may be shown of a URL: everything but user, password and parameters.
 * @throws config.invalid
 */
export function withoutCredentials(url: string): string {
  if (!URL.canParse(url)) {
    throw berthError("config.invalid", {
      message: "the URL of the database is not valid",
      hint: "It has the form postgres://USER@HOST/DATABASE.",
    });
  }
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

export function isPostgresUniqueViolation(cause: unknown): boolean {
  return sqlState(cause) === UNIQUE_VIOLATION;
}

export function isPostgresMissingTable(cause: unknown): boolean {
  return sqlState(cause) === UNDEFINED_TABLE;
}

function sqlState(cause: unknown): string | undefined {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

/** What the server says, as an error of the contract; what is a mistake in a query stays as it is. */
export function postgresError(location: string, cause: unknown): unknown {
  const state = sqlState(cause);
  if (state === LOCK_NOT_AVAILABLE) return berthError("store.busy", { context: { path: location }, cause });
  // Without a state it was not the server that spoke: the connection broke.
  return state === undefined || !/^[0-9A-Z]{5}$/.test(state) || UNREACHABLE.test(state)
    ? unreachable(location, cause)
    : cause;
}

/** That there is no way to the server, in its driver's words. */
export function unreachable(location: string, cause: unknown) {
  return berthError("store.unreachable", {
    message: `the database ${location} can't be reached: ${cause instanceof Error ? cause.message : String(cause)}`,
    context: { path: location },
    cause,
  });
}
