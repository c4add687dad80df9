/** What a runtime can do. Derived from the conformance suite's record; `docs/capabilities.md` is generated. */
export interface Capabilities {
  /** A daemon in the place: processes outlive the client. */
  readonly daemon: boolean;
  readonly spawn: boolean;
  readonly resume: boolean;
  readonly tty: boolean;
  /** "exact": every descendant is known; "best-effort": by marker and descent; "group": the process group only. */
  readonly processTree: "exact" | "best-effort" | "group";
  /** Commands and files as another user. */
  readonly user: boolean;
  readonly watch: boolean;
  readonly forward: boolean;
  readonly reverseForward: boolean;
  /** Paths held inside a directory against links that are swapped meanwhile. */
  readonly contained: boolean;
  readonly durableWrite: boolean;
  /** Why something is missing, by capability. */
  readonly reasons: Readonly<Partial<Record<CapabilityName, string>>>;
}

export type CapabilityName = Exclude<keyof Capabilities, "reasons">;

/** How far the place is apart from this machine. */
export interface Isolation {
  readonly filesystem: "shared" | "separate";
  readonly processes: "shared" | "separate";
  readonly network: "shared" | "separate" | "none";
  /** Another kernel: a VM or another machine. */
  readonly kernel: "shared" | "separate";
}
