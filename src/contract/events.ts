/** Something that happened, as the library hands it to a sink. Never holds secret values or output. */
export interface BerthEventInput {
  /** Dotted: "provision.upload", "process.started". */
  readonly type: string;
  /** A sentence for people. */
  readonly message: string;
  readonly runtime?: string | undefined;
  readonly processId?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}
