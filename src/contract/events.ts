/** Something that happened, as the library hands it to a sink. Never holds secret values or output. */
export interface BerthEventInput {
  /** Dotted: "provision.upload", "process.started". */
  readonly type: string;
  /** A sentence for people. */
  readonly message: string;
  /** Description of the runtime. */
  readonly runtime?: string | undefined;
  /** Id of the workspace. */
  readonly workspace?: string | undefined;
  readonly processId?: string | undefined;
  /** Id of the request, operation or event that it answers. */
  readonly cause?: string | undefined;
  /**
   * Names what happened where several programs may tell of it ("BOOT_ID:NUMBER" of what a daemon says): the log takes
   * it once.
   */
  readonly source?: string | undefined;
  /** Who asked for it: "token:ci", "cli", "runner". */
  readonly actor?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

/** A record of the log (docs/events.md). */
export interface BerthEvent extends BerthEventInput {
  /** 1, 2, 3, …: the one order in which everything is stored and delivered. */
  readonly sequence: number;
  /** ISO 8601 in UTC with milliseconds; never earlier than the record before. */
  readonly time: string;
}
