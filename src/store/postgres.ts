import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresDialect,
  type QueryResult,
} from "kysely";
import { berthError } from "../contract/errors.ts";
import { postgresError, unreachable, withoutCredentials } from "./postgres-errors.ts";

/** Short transactions of few callers: more connections would only take room of the server. */
const MAX_CONNECTIONS = 4;
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The package `pg`, which is loaded here, and only here.
 * @throws config.invalid where it is not installed
 */
export async function loadPg() {
  const { default: pg } = await import("pg").catch((cause) => {
    throw berthError("config.invalid", {
      message: "the package pg, which speaks to PostgreSQL, is not installed",
      hint: "npm install pg",
      cause,
    });
  });
  return pg;
}

/**
 * A PostgreSQL database by its URL.
 * @throws config.invalid where `pg` is not installed
 */
export async function openPostgres(url: string, busyTimeoutMs: number): Promise<Dialect> {
  const pg = await loadPg();
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    lock_timeout: busyTimeoutMs,
    allowExitOnIdle: true,
  });
  // A connection that is lost while nobody uses it is replaced by the next one who asks.
  pool.on("error", () => {});
  return new TypedPostgresDialect({ pool }, withoutCredentials(url));
}

/** Kysely's own dialect, with the errors of the contract for what no query is to blame for. */
class TypedPostgresDialect extends PostgresDialect {
  readonly #location: string;

  constructor(config: ConstructorParameters<typeof PostgresDialect>[0], location: string) {
    super(config);
    this.#location = location;
  }

  override createDriver(): Driver {
    const driver = super.createDriver();
    const location = this.#location;
    const acquire = driver.acquireConnection.bind(driver);
    const typed = new WeakSet<DatabaseConnection>();
    driver.acquireConnection = async (options) => {
      const connection = await acquire(options).catch((cause) => {
        throw unreachable(location, cause);
      });
      // The driver hands out the same object each time that it hands out a connection.
      if (typed.has(connection)) return connection;
      typed.add(connection);
      const execute = connection.executeQuery.bind(connection);
      connection.executeQuery = async <R>(query: CompiledQuery): Promise<QueryResult<R>> =>
        await execute<R>(query).catch((cause) => {
          throw postgresError(location, cause);
        });
      return connection;
    };
    return driver;
  }
}
