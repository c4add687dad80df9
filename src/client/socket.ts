import type { BerthError } from "../contract/errors.ts";

/** A WebSocket as the client uses it, the same in Node and in a page. */
export interface ClientSocket {
  send(data: string | Uint8Array): void;
  close(): void;
  /** Sent and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Stops reading; absent where a WebSocket can't. */
  readonly pause?: () => void;
  readonly resume?: () => void;
}

export interface SocketHandlers {
  onOpen(): void;
  onText(text: string): void;
  onBytes(bytes: Uint8Array): void;
  /** Once, last. `refusal`: what the runner answered in place of the upgrade, where that can be known. */
  onClose(end: { readonly code: number; readonly refusal?: BerthError | undefined }): void;
}

export interface SocketTarget {
  /** ws: or wss: */
  readonly url: URL;
  readonly protocol: string;
}

export type SocketOpener = (target: SocketTarget, handlers: SocketHandlers) => Promise<ClientSocket>;

export interface SocketCredentials {
  readonly token: string | undefined;
  readonly session: string | undefined;
  readonly ca: string | undefined;
}
