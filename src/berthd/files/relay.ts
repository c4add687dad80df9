import type { BerthError } from "../../contract/errors.ts";
import type { StreamHandler, WireStream } from "../../wire/types.ts";
import type { EarlyInput } from "../early-input.ts";

/**
 * Passes a stream on to another connection, frame by frame and with its backpressure: credit is given back at one
 * side only when the other has room.
 * @param open opens the stream of the other connection with this handler
 * @param explain turns the end of the other connection into what the client is told
 */
export function relay(
  from: WireStream,
  early: EarlyInput,
  open: (handler: StreamHandler) => WireStream,
  options: {
    /** Nothing follows the RESPONSE of this method. */
    readonly endsWithResponse: boolean;
    explain(error: BerthError): BerthError;
    onClosed(): void;
  },
): void {
  let owedFrom = 0;
  let owedTo = 0;
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    options.onClosed();
  };
  const closeWhenDone = (): void => {
    if (from.closed || to.closed) close();
  };
  const to = open({
    onResponse: (result) => {
      from.respond(result);
      if (options.endsWithResponse) from.end();
      setImmediate(closeWhenDone);
    },
    onEvent: (value) => from.event(value),
    onData: (chunk) => {
      owedTo += chunk.length;
      if (from.data(chunk)) settle();
    },
    onEnd: () => {
      from.end();
      setImmediate(closeWhenDone);
    },
    onReset: (error) => {
      from.reset(options.explain(error));
      close();
    },
    onWritable: () => {
      const bytes = owedFrom;
      owedFrom = 0;
      from.consumed(bytes);
    },
  });
  const settle = (): void => {
    const bytes = owedTo;
    owedTo = 0;
    to.consumed(bytes);
  };
  const handler: StreamHandler = {
    onData: (chunk) => {
      owedFrom += chunk.length;
      if (!to.data(chunk)) return;
      const bytes = owedFrom;
      owedFrom = 0;
      from.consumed(bytes);
    },
    onEnd: () => {
      to.end();
      setImmediate(closeWhenDone);
    },
    onReset: (error) => {
      to.reset(error);
      close();
    },
    onWritable: settle,
  };
  from.handler = handler;
  early.replay(handler);
}
