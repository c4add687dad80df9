import { errorOfAnswer } from "../../../../src/client/answers.ts";
import { berthError } from "../../../../src/contract/errors.ts";
import { sessionHeaders } from "../../state/session.ts";

interface SendFile {
  /** Of the call that writes files. */
  readonly url: string;
  readonly path: string;
  readonly file: Blob;
  /** Whether a file that is there is written over. */
  readonly replace: boolean;
  readonly signal: AbortSignal;
  /** Bytes that are on their way. */
  readonly onProgress: (bytes: number) => void;
}

/**
 * Uploads a file. Not by fetch, which does not tell how far an upload is.
 * @throws fs.changed: there is such a file, and it is not to be replaced; what the place says, runner.unreachable,
 *   operation.aborted
 */
export async function sendFile({ url, path, file, replace, signal, onProgress }: SendFile): Promise<void> {
  signal.throwIfAborted();
  const request = new XMLHttpRequest();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { origin } = new URL(url);
  request.open("PUT", `${url}?${new URLSearchParams({ path })}`);
  request.setRequestHeader("content-type", "application/octet-stream");
  for (const [name, value] of Object.entries(sessionHeaders())) request.setRequestHeader(name, value);
  if (!replace) request.setRequestHeader("if-none-match", "*");
  request.upload.onprogress = ({ loaded }) => onProgress(Math.min(loaded, file.size));
  request.onload = () => {
    if (request.status < 400) resolve();
    else reject(errorOfAnswer(request.status, request.responseText, origin));
  };
  request.onerror = () => {
    const context = { url: origin, reason: "the connection was lost, or the file can't be read" };
    reject(berthError("runner.unreachable", { context }));
  };
  request.onabort = () => reject(berthError("operation.aborted"));
  const stop = () => request.abort();
  signal.addEventListener("abort", stop, { once: true });
  try {
    request.send(file);
    await promise;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
