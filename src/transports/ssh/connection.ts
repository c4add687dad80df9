import type { Duplex } from "node:stream";
import type { BerthError } from "../../contract/errors.ts";
import type { RawProcess } from "../transport.ts";

/** One authenticated SSH connection, by either transport. */
export interface SshConnection {
  readonly transport: "openssh" | "ssh2";
  /**
   * A session that runs a command line by the login shell of the place, without terminal. Settles when the server
   * has accepted it.
   * `close()` of the process ends the session; over OpenSSH by ending its client.
   * @throws ssh.sessions_refused when the server opens no further session on this connection;
   *   transport.disconnected when the connection is gone; operation.aborted
   */
  exec(commandLine: string, options: { readonly signal?: AbortSignal | undefined }): Promise<RawProcess>;
  /**
   * A byte stream to a unix socket of the place.
   * @throws ssh.forwarding_refused when the server forbids it; transport.unavailable when nothing listens there;
   *   transport.disconnected, operation.aborted
   */
  dialUnix(socketPath: string, options: { readonly signal?: AbortSignal | undefined }): Promise<Duplex>;
  /**
   * A byte stream to the SFTP subsystem. Counts as a session.
   * @throws ssh.sftp_missing, ssh.sessions_refused, transport.disconnected, operation.aborted
   */
  sftp(options: { readonly signal?: AbortSignal | undefined }): Promise<Duplex>;
  /** True when nothing can be opened any more. */
  readonly closed: boolean;
  /** Settles when the connection is gone: with the reason, or undefined after `close()`. Never rejects. */
  readonly ended: Promise<BerthError | undefined>;
  /** What it says for `berth check`: "OpenSSH_9.2 by the master at …", "AES-128-GCM, ed25519 key SHA256:…". */
  readonly detail: string;
  /**
   * Whether it keeps this process alive, as of a socket: the pool lets go of connections on which nothing is open.
   * Absent where none is held here, as with OpenSSH's master, which is a process of its own.
   */
  ref?(): void;
  unref?(): void;
  /** Ends it with everything that is open on it. */
  close(): Promise<void>;
}
