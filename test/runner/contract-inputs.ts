import fc from "fast-check";
import type { OpenApiDocument, Operation, Schema } from "../../src/api/document.ts";
import type { SentCall } from "./contract-desk.ts";

/** What there is in the runner that is called: ids that exist, and what may be changed without harm. */
export interface World {
  readonly workspace: string;
  readonly project: string;
  readonly process: string;
  readonly finished: string;
  readonly operation: string;
  readonly token: string;
}

const PATHS = ["a.txt", "dir/b.txt", "dir", "nothing/x", "é ü", "-r", "a\nb"] as const;
/** Nothing of this reaches out of the workspace's directory or of this machine, or takes long. */
const COMMANDS = [
  ["true"],
  ["sh", "-c", "echo out; echo err >&2; exit 3"],
  "echo hi",
  ["no-such-program"],
  ["sleep", "0.05"],
];

/** Values of fields that mean something: by the name of the field, and by operation and name where that differs. */
function pools(world: World): Readonly<Record<string, readonly unknown[]>> {
  const changeable = ["c1", "c2", "nothing"];
  return {
    workspace: [
      world.workspace,
      world.workspace,
      world.workspace,
      "nothing",
      "no/thing",
      "..",
      "a\0b",
      "%2e",
    ],
    ...Object.fromEntries(
      ["delete", "init", "fork", "rename", "stop", "start", "push", "apply"].map((verb) => [
        `${verb}Workspace.workspace`,
        changeable,
      ]),
    ),
    "setConfig.workspace": changeable,
    "listEvents.workspace": [world.workspace, "nothing"],
    "listOperations.workspace": [world.workspace, "nothing"],
    id: [world.process, world.finished, "nothing", "a/b", "..", "\0"],
    "getOperation.id": [world.operation, "op_nothing"],
    "followOperation.id": [world.operation, "op_nothing"],
    "cancelOperation.id": [world.operation, "op_nothing"],
    "deleteForward.id": ["fwd_nothing", "x"],
    "deleteToken.id": [world.token, "tok_nothing"],
    "killProcess.id": [world.finished, "nothing"],
    "signalProcess.id": [world.finished, "nothing"],
    project: [world.project, "/nothing", "nothing"],
    path: PATHS,
    "listDirectory.path": [".", ...PATHS],
    "workspaceDiff.path": [["a.txt"], ["nothing", "dir"]],
    "watchFiles.path": [".", "dir", "nothing"],
    from: PATHS,
    to: PATHS,
    "processOutput.from": [0, 1, -1, -1000, 10_000_000],
    "processLog.from": [0, 1, -1, 10_000_000],
    "attach.from": [0, -1],
    paths: [[], ["a.txt"], PATHS],
    existing: ["/nothing"],
    cwd: [".", "dir", "nothing"],
    command: COMMANDS,
    shell: ["/bin/sh", "no-such-shell"],
    env: [{}, { A: "1" }, { PATH: null }, { S: { secret: "hunter2-of-the-contract" } }],
    user: ["no-such-user"],
    runtime: [{ type: "worktree" }, "local", "nothing-of-that-name", { type: "local" }, { type: "nothing" }],
    name: ["c1", "c2", "bad name!", "-x", "é"],
    "signalProcess.name": ["TERM", "SIGWINCH", "NOPE"],
    "startProcess.name": ["n1", "-bad", "n2"],
    signal: ["TERM", "NOPE"],
    branch: ["b1", "main", "..bad", "-x"],
    start: ["main", "nothing"],
    base: ["trunk", "head", "nothing", "-x"],
    remote_port: [9, 1],
    local_port: [0],
    local_host: ["127.0.0.1"],
    remote_host: ["127.0.0.1"],
    port: [9],
    http: ["/health"],
    output: ["ready", "(", ".*"],
    timeout_ms: [1, 100, 300],
    wait_ms: [0, 20],
    kill_grace_ms: [0, 50],
    grace_ms: [0, 50],
    drain_ms: [0, 10],
    lease_ms: [60_000],
    max_wait_ms: [0],
    expires_in_ms: [1_000],
    log_limit_bytes: [65_536],
    workspaces: [[world.workspace], ["nothing"]],
    ignore: [["node_modules"], ["*.log", "[", "**"]],
    since: ["2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"],
    until: ["2026-01-01T00:00:00+02:00"],
    cursor: ["", "nothing", "eyJhIjoxfQ", "\0", "%%%"],
    host_header: ["localhost"],
  };
}

/** Left out where they make a call take as long as they say, or for ever. */
const ALWAYS: Readonly<Record<string, readonly string[]>> = {
  exec: ["timeout_ms"],
  waitReady: ["timeout_ms"],
  startProcess: ["timeout_ms"],
};

const BODIES: Readonly<Record<string, readonly unknown[]>> = {
  setConfig: [{}, { workdir: "dir" }, { nothing: 1 }, { type: "local" }, { env: { A: "b" } }, { env: null }],
};

/** Values that no field takes, or that look like others. */
const WRONG: readonly unknown[] = [
  null,
  [],
  {},
  [[]],
  1.5,
  -1,
  2 ** 60,
  true,
  "",
  "\0",
  "a".repeat(20_000),
  { $ref: "#" },
];

/** Calls of an operation: valid ones by its schemas, and ones with something wrong in them. */
export function callsOf(
  document: OpenApiDocument,
  operation: Operation,
  world: World,
): fc.Arbitrary<SentCall> {
  const { operationId, parameters = [], requestBody } = operation;
  const known = pools(world);
  const fieldValue = (name: string, schema: Schema): fc.Arbitrary<unknown> => {
    const pool = known[`${operationId}.${name}`] ?? known[name];
    return pool === undefined ? bySchema(document, schema, fieldValue) : fc.constantFrom(...pool);
  };
  const always = ALWAYS[operationId] ?? [];
  const part = (place: string): fc.Arbitrary<Record<string, unknown>> => {
    const own = parameters.filter((parameter) => parameter.in === place);
    return record(
      own.map(({ name, schema, required }) => [name, fieldValue(name, schema), required]),
      always,
    );
  };
  const json = requestBody?.content["application/json"]?.schema;
  const valid: fc.Arbitrary<unknown> =
    requestBody === undefined
      ? fc.constant(undefined)
      : json === undefined
        ? fc.uint8Array({ maxLength: 2_000 })
        : BODIES[operationId] !== undefined
          ? fc.constantFrom(...BODIES[operationId])
          : objectOf(json, fieldValue, always);
  const body =
    json === undefined
      ? valid
      : fc.oneof({ weight: 3, arbitrary: valid }, { weight: 2, arbitrary: broken(valid) });
  const query = fc.oneof(
    { weight: 4, arbitrary: part("query") },
    { weight: 1, arbitrary: brokenQuery(part("query")) },
  );
  return fc
    .record({ path: part("path"), query, headers: part("header"), body })
    .map(({ path, query, headers, body }) => ({
      operationId,
      path: path as Record<string, string>,
      query,
      headers: headerTexts(headers),
      body,
    }));
}

function record(
  fields: readonly (readonly [name: string, value: fc.Arbitrary<unknown>, required: boolean])[],
  always: readonly string[],
): fc.Arbitrary<Record<string, unknown>> {
  const requiredKeys = fields
    .filter(([name, , required]) => required || always.includes(name))
    .map(([name]) => name);
  return fc.record(Object.fromEntries(fields), { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<
    Record<string, unknown>
  >;
}

type ValueOf = (name: string, schema: Schema) => fc.Arbitrary<unknown>;

function objectOf(
  { properties = {}, required = [] }: Schema,
  fieldValue: ValueOf,
  always: readonly string[] = [],
) {
  return record(
    Object.entries(properties).map(([name, schema]) => [
      name,
      fieldValue(name, schema),
      required.includes(name),
    ]),
    always,
  );
}

function bySchema(document: OpenApiDocument, schema: Schema, fieldValue: ValueOf): fc.Arbitrary<unknown> {
  const again = (part: Schema): fc.Arbitrary<unknown> => bySchema(document, part, fieldValue);
  if (schema.$ref !== undefined) {
    return again(document.components.schemas[schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1)] ?? {});
  }
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts !== undefined) return fc.oneof(...parts.map(again));
  switch (schema.type) {
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "integer":
    case "number":
      return fc.integer({
        min: schema.minimum ?? -1_000_000,
        max: Math.min(schema.maximum ?? 1_000_000, 1_000_000),
      });
    case "array":
      return fc.array(again(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 3 });
    case "object":
      return objectOf(schema, fieldValue);
    case "string":
      return fc.string({
        unit: "binary",
        minLength: schema.minLength ?? 0,
        maxLength: Math.min(schema.maxLength ?? 40, 40),
      });
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** Something wrong: another value, a field too many, or no object at all. */
function broken(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const wrong = fc.constantFrom(...WRONG);
  return fc.oneof(
    wrong,
    fc.tuple(valid, fc.nat(), wrong).map(([value, at, other]) => {
      const fields = Object.keys(value as object);
      const field = fields[at % Math.max(1, fields.length)] ?? "command";
      return { ...(value as object), [field]: other };
    }),
    valid.map((value) => ({ ...(value as object), "no such field": 1 })),
    fc.tuple(valid, fc.nat()).map(([value, at]) => {
      const entries = Object.entries(value as object);
      return Object.fromEntries(entries.filter((_, index) => index !== at % Math.max(1, entries.length)));
    }),
  );
}

function brokenQuery(valid: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>> {
  const wrong = fc.constantFrom("", "x", "-1", "1e9", "true", "999999999999999999", "\0", "a".repeat(3_000));
  return fc.tuple(valid, fc.nat(), wrong).map(([value, at, other]) => {
    const fields = [...Object.keys(value), "nothing"];
    // A path or a command that was made up could be one that there is.
    const changeable = fields.filter((field) => !["path", "user", "follow"].includes(field));
    return { ...value, [changeable[at % changeable.length] ?? "nothing"]: other };
  });
}

/** Headers are visible ASCII. */
function headerTexts(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name, String(value).replace(/[^\x21-\x7e]/g, "")] as const)
      .filter(([, value]) => value !== ""),
  );
}
