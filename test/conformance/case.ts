import type { CapabilityName } from "../../src/contract/capabilities.ts";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import type { BerthEventInput } from "../../src/contract/events.ts";
import type { Runtime } from "../../src/contract/runtime.ts";

/**
 * What a place is beside its capabilities. A case may need such a fact (`only`), as a promise about other users needs
 * another user; where it lacks, the record says that the case does not apply and why.
 */
export interface PlaceFacts {
  /** The place's commands run as root. */
  readonly root: boolean;
  readonly container: boolean;
  /** Files here and in the place are the same files. */
  readonly shared: boolean;
  readonly readOnlyRoot: boolean;
  /** Another client of the same place sees the same processes. */
  readonly secondClient: boolean;
  /** /etc/hosts is a mount that may be written. */
  readonly mountedHosts: boolean;
  readonly bash: boolean;
  /** The place's commands have no special rights. */
  readonly ordinary: boolean;
  /** There is another account in the place. */
  readonly otherUser: boolean;
  /** There is a small file system in the place, to fill up. */
  readonly smallDisk: boolean;
  /** Loopback has ::1. */
  readonly ipv6: boolean;
}

export type Fact = keyof PlaceFacts;

/** Another account of the place. */
export interface OtherUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** All of them, the primary one included. */
  readonly groups: readonly number[];
  readonly home: string;
  readonly shell: string;
}

export interface OpenClientOptions {
  readonly onEvent?: (event: BerthEventInput) => void;
  /** Added to the place's own configuration. */
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  /** null: in none, where the place itself is a workspace's. */
  readonly workspace?: string | null;
  readonly processLogDir?: string;
}

/** A place that is there, with one open runtime that all cases share. */
export interface Place {
  readonly name: string;
  readonly runtime: Runtime;
  readonly facts: PlaceFacts;
  readonly config: RuntimeConfig;
  readonly stateDirectory: string;
  /** A variable that every command of the place has by itself: of the image, or of the login shell. */
  readonly inherited: { readonly name: string; readonly value: string } | undefined;
  readonly otherUser: OtherUser | undefined;
  /** Absolute path of a small file system in the place that fills up, where there is one. */
  readonly smallDisk: string | undefined;
  /** Runs a command in the place without Berth; undefined where there is no such way. */
  readonly direct: ((argv: readonly string[]) => Promise<string>) | undefined;
  /** A further client of the same place. */
  open(options?: OpenClientOptions): Promise<Runtime>;
}

export interface CaseContext {
  readonly place: Place;
  readonly runtime: Runtime;
  /** An empty directory of the case's own in the place. */
  directory(): Promise<string>;
  /** A further client of the place, closed after the case. */
  open(options?: OpenClientOptions): Promise<Runtime>;
  /** Called after the case, the last one first. */
  defer(action: () => unknown): void;
}

/** One promise of SEMANTICS, as something that can fail. */
export interface Case {
  /** Line of SEMANTICS and a word: `commands.1.background-child`. */
  readonly id: string;
  /** The promise, as a sentence. */
  readonly title: string;
  /** Without them the operation has to be refused by name, which is what runs instead. */
  readonly needs?: readonly CapabilityName[];
  readonly only?: readonly Fact[];
  /** Would disturb, or be disturbed by, what else goes on in the place. */
  readonly alone?: boolean;
  readonly run: (context: CaseContext) => Promise<void>;
}
