/** A runner's API for programs and pages: `import { createRunnerClient } from "berth/client"`. */

export { BerthError, isBerthError } from "../contract/errors.ts";
export type { BerthEvent } from "../contract/events.ts";
export type { AttachedChunk, Attachment, AttachOptions } from "./attach.ts";
export type { CheckEvent, CheckedPlace } from "./checks.ts";
export { createRunnerClient, type RunnerCall, type RunnerClient } from "./client.ts";
export type { RunnerClientOptions } from "./connection.ts";
export type { FollowEventsOptions } from "./events.ts";
export type { Operation, OperationEvent } from "./operations.ts";
export type { components, operations, paths } from "./schema.ts";
export type { WatchEvent, WatchFilesOptions } from "./watch.ts";
