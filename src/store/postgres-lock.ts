import { hostname } from "node:os";
import type { Client } from "pg";
import { CONNECT_TIMEOUT_MS, loadPg } from "./postgres.ts";
import { unreachable, withoutCredentials } from "./postgres-errors.ts";

/** "berth" in ASCII: the advisory lock of a database's runner. */
const LOCK = 0x62_65_72_74_68n;
const RETRY_MS = 1000;

/** A lock on a whole database, which its server gives back when the connection ends. */
export interface DatabaseLock extends AsyncDisposable {}

export interface HeldByOther {
  /** "berth serve HOST PID", from the server's list of sessions. */
  readonly holder: string;
}

/**
 * Takes the lock of a database's one runner: workspaces are guarded by locks of one machine, so that runners of two
 * machines would work on one workspace at once. A connection that breaks is made again; `onTaken` is told when another
 * one has got the lock meanwhile.
 * @throws store.unreachable, config.invalid
 */
export async function lockDatabase(
  url: string,
  onTaken: (other: HeldByOther) => void,
): Promise<DatabaseLock | HeldByOther> {
  const pg = await loadPg();
  const location = withoutCredentials(url);
  let closed = false;
  let retry: NodeJS.Timeout | undefined;
  const attempt = async (): Promise<Client | HeldByOther> => {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: `berth serve ${hostname()} ${process.pid}`,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      const { rows } = await client.query("select pg_try_advisory_lock($1) as taken", [LOCK]);
      if (rows[0]?.taken === true) return client;
      const holder = await holderOf(client);
      await client.end();
      return { holder };
    } catch (cause) {
      await client.end().catch(() => {});
      throw unreachable(location, cause);
    }
  };
  const watch = (client: Client): void => {
    client.once("end", () => {
      if (!closed) retry = setTimeout(again, RETRY_MS);
    });
  };
  let current: Client;
  const again = (): void => {
    attempt().then(
      (result) => {
        if ("holder" in result) onTaken(result);
        else if (closed) void result.end().catch(() => {});
        else {
          current = result;
          watch(result);
        }
      },
      () => {
        if (!closed) retry = setTimeout(again, RETRY_MS);
      },
    );
  };
  const first = await attempt();
  if ("holder" in first) return first;
  current = first;
  watch(first);
  return {
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(retry);
      await current.end().catch(() => {});
    },
  };
}

async function holderOf(client: Client): Promise<string> {
  const { rows } = await client.query(
    `select application_name as name from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and granted and classid = $1 and objid = $2
       and pg_locks.database = (select oid from pg_database where datname = current_database())`,
    [LOCK >> 32n, LOCK & 0xffff_ffffn],
  );
  return String(rows[0]?.name ?? "a runner that has just ended");
}
