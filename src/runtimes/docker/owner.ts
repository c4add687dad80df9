/** Labels of what Berth makes on an engine. */
export const LABEL = {
  /** "1": made by Berth. */
  managed: "berth.managed",
  /** Id of the state directory whose Berth made it; only that one may remove it. */
  owner: "berth.owner",
  /** Name of its directory below `containers` there. */
  record: "berth.record",
  /** Milliseconds without its owner after which it is garbage. */
  leaseMs: "berth.lease-ms",
  /** "1": goes with its runtime; "0": kept until the user removes it. */
  ephemeral: "berth.ephemeral",
  /** A workspace lives in it: never garbage. */
  workspace: "berth.workspace",
  /** "1": only prepares the volume of that workspace, and is never started. */
  scout: "berth.scout",
  /** Identity of the configuration that it was made with. */
  config: "berth.config",
  version: "berth.version",
  /** "1": its `run` directory is shared with this machine. */
  shared: "berth.shared",
  /** How the daemon in it is started, as JSON; also of images. */
  launch: "berth.launch",
  /** Of derived images: id of the payload and of the base image. */
  payload: "berth.payload",
  base: "berth.base",
} as const;
