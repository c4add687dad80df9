/** Berth runs commands, files and terminals in a place of your choice, behind one interface. */
export type { Capabilities, CapabilityName, Isolation } from "./contract/capabilities.ts";
export {
  type DockerConfig,
  type DockerContainerConfig,
  type DockerImageConfig,
  type EngineConfig,
  type LocalConfig,
  parseRuntimeConfig,
  type RemoteConfig,
  type RuntimeConfig,
  runtimeConfigSchema,
  type SecretReference,
  type SshConfig,
  type WorktreeConfig,
} from "./contract/config.ts";
export { formatDuration, parseDuration } from "./contract/duration.ts";
export type { ErrorEntry } from "./contract/error-entry.ts";
export { ERROR_REGISTRY, type ErrorCode } from "./contract/error-registry.ts";
export {
  BerthError,
  type ErrorContext,
  type ErrorHop,
  isBerthError,
  type SerializedBerthError,
} from "./contract/errors.ts";
export type { BerthEventInput } from "./contract/events.ts";
export type * from "./contract/files.ts";
export type { ListeningPort } from "./contract/listening.ts";
export type {
  BackgroundOptions,
  Command,
  CommandOptions,
  ExecHandle,
  ExecOptions,
  ExecResult,
  ExitStatus,
  InBackground,
  OutputChunk,
  OutputFile,
  OutputOptions,
  OutputStream,
  Process,
  ProcessInfo,
  ProcessState,
  ProcessStdin,
  ReadyCondition,
  SpawnOptions,
  TtySize,
} from "./contract/process.ts";
export type {
  CheckOptions,
  CheckReport,
  CheckStep,
  ConnectPrompt,
  Forward,
  ForwardOptions,
  OpenOptions,
  ProvisionProgress,
  ReverseForwardOptions,
  Runtime,
} from "./contract/runtime.ts";
export { parseSignal, SIGNAL_NUMBERS, type SignalName } from "./contract/signals.ts";
export type * from "./contract/text.ts";
export { isRuntimeUri, parseRuntimeUri } from "./contract/uri.ts";
export { VERSION } from "./contract/version.ts";
export type * from "./contract/workspace.ts";
export { type CheckRuntimeOptions, checkRuntime } from "./runtimes/check.ts";
export { openRuntime, type ResolvedRuntime, resolveRuntime } from "./runtimes/open.ts";
export { type SshHealth, sshHealth } from "./runtimes/ssh/health.ts";
export { createTools } from "./tools/create.ts";
export type { BeforeCall, ToolCall, ToolHooks } from "./tools/hooks.ts";
export type { ToolLimits } from "./tools/limits.ts";
export type * from "./tools/tool.ts";
export type * from "./workspaces/api.ts";
export { openWorkspaces } from "./workspaces/open.ts";
