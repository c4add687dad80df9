import createOpenApiClient, { type Client, type FetchResponse, type MaybeOptionalInit } from "openapi-fetch";
import type { PathsWithMethod, RequiredKeysOf } from "openapi-typescript-helpers";
import { errorFromJson } from "../api/json-errors.ts";
import type { BerthEvent } from "../contract/events.ts";
import { answeredError, noAnswer } from "./answers.ts";
import { type Attachment, type AttachOptions, attach } from "./attach.ts";
import { type CheckEvent, type CheckedPlace, followCheck } from "./checks.ts";
import { type Connection, connectionOf, type RunnerClientOptions } from "./connection.ts";
import { type FollowEventsOptions, followEvents } from "./events.ts";
import { followOperation, type Operation, type OperationEvent } from "./operations.ts";
import type { paths } from "./schema.ts";
import { type WatchEvent, type WatchFilesOptions, watchFiles } from "./watch.ts";

type Verb = "get" | "put" | "post" | "patch" | "delete";
type Init<Given> =
  RequiredKeysOf<Given> extends never
    ? [(Given & Readonly<Record<string, unknown>>)?]
    : [Given & Readonly<Record<string, unknown>>];

/** A call of the API by its path, with what docs/api.md says; gives the body of the answer, or throws its error. */
export type RunnerCall<V extends Verb> = <
  Path extends PathsWithMethod<paths, V>,
  Given extends MaybeOptionalInit<paths[Path], V>,
>(
  path: Path,
  ...init: Init<Given>
) => Promise<
  Exclude<
    FetchResponse<paths[Path][V] & Record<string | number, unknown>, Given, `${string}/${string}`>["data"],
    undefined
  >
>;

/** A runner's API. Every failure is a BerthError: the runner's own, runner.unreachable, or operation.aborted. */
export interface RunnerClient {
  /** As it was given, with a slash at its end. */
  readonly url: string;
  readonly get: RunnerCall<"get">;
  readonly put: RunnerCall<"put">;
  readonly post: RunnerCall<"post">;
  readonly patch: RunnerCall<"patch">;
  readonly delete: RunnerCall<"delete">;
  /** The calls by openapi-fetch, for who needs the response itself; errors are thrown all the same. */
  readonly api: Client<paths>;
  /** Output and input of a process; goes on at its cursor when the connection or the runner was lost. */
  attach(processId: string, options?: AttachOptions): Promise<Attachment>;
  /** Live events with no gap and no repeat, also over restarts of the runner. */
  events(options?: FollowEventsOptions): AsyncGenerator<BerthEvent, void, undefined>;
  /** Changes of a workspace's files; "ready" again says that some may have been missed. */
  watch(workspace: string, options?: WatchFilesOptions): AsyncGenerator<WatchEvent, void, undefined>;
  /** What a check of a place finds, step by step; the report comes last. Who stops reading ends the check. */
  check(
    place: CheckedPlace,
    options?: { readonly signal?: AbortSignal },
  ): AsyncGenerator<CheckEvent, void, undefined>;
  /** Progress and output of an operation; its end comes last. */
  operation(
    id: string,
    options?: { readonly signal?: AbortSignal },
  ): AsyncGenerator<OperationEvent, void, undefined>;
  /** An operation that has succeeded. @throws the error of one that failed or was cancelled */
  completed(operation: Operation, options?: { readonly signal?: AbortSignal }): Promise<Operation>;
}

/** A client of a runner; makes no connection yet. Works in Node and in pages. */
export function createRunnerClient(options: RunnerClientOptions): RunnerClient {
  const connection = connectionOf(options);
  const api = apiOf(connection);
  const call = (verb: "GET" | "PUT" | "POST" | "PATCH" | "DELETE") => {
    const method = api[verb] as (path: string, ...init: unknown[]) => Promise<{ readonly data?: unknown }>;
    return async (path: string, ...init: unknown[]) => (await method(path, ...init)).data;
  };
  const client: RunnerClient = {
    url: connection.url.href,
    get: call("GET") as RunnerCall<"get">,
    put: call("PUT") as RunnerCall<"put">,
    post: call("POST") as RunnerCall<"post">,
    patch: call("PATCH") as RunnerCall<"patch">,
    delete: call("DELETE") as RunnerCall<"delete">,
    api,
    attach: (processId, given = {}) => attach(connection, processId, given),
    events: (given = {}) =>
      followEvents(connection, given, async () => {
        const init = given.signal === undefined ? {} : { signal: given.signal };
        return (await client.get("/v1/events/head", init)).sequence;
      }),
    watch: (workspace, given = {}) => watchFiles(connection, workspace, given),
    check: (place, { signal } = {}) => followCheck(connection, place, signal),
    operation: (id, { signal } = {}) => followOperation(connection, id, signal),
    async completed(operation, { signal } = {}) {
      let last = operation;
      if (last.state === "running") {
        for await (const event of followOperation(connection, operation.id, signal)) {
          if (event.type === "end") last = event.operation;
        }
      }
      if (last.error !== null) throw errorFromJson(last.error);
      return last;
    },
  };
  return client;
}

function apiOf({ url, headers, fetch }: Connection): Client<paths> {
  const api = createOpenApiClient<paths>({
    baseUrl: url.href.replace(/\/$/, ""),
    fetch,
    headers,
  });
  api.use({
    onResponse: async ({ response }) => {
      if (!response.ok) throw await answeredError(response);
    },
    onError: ({ error, request }) => noAnswer(error, new URL(request.url), request.signal),
  });
  return api;
}
