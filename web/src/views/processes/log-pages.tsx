import { useEffect, useState } from "react";
import { useClient } from "../../state/context.ts";
import type { Process } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { type Line, OutputLines } from "./output-lines.ts";
import { OutputView } from "./output-view.tsx";
import type { Download } from "./process-output.tsx";

const PART_BYTES = 256 * 1024;

interface LogPagesProps {
  readonly process: Process;
  /** Cursor of the log's end. */
  readonly end: number;
  readonly download: Download;
  /** Undefined where no more can come. */
  readonly onLive?: () => void;
}

interface Part {
  readonly lines: readonly Line[];
  readonly from: number;
  /** Where the next part begins. */
  readonly to: number;
}

const nothing = () => undefined;

/** The log from its beginning, a part at a time, by cursor: only one part is held. */
export function LogPages({ process, end, download, onLive }: LogPagesProps) {
  const { id } = process;
  const client = useClient();
  /** Beginnings of the parts before, and of this one. */
  const [cursors, setCursors] = useState<readonly number[]>([process.output_start]);
  const [part, setPart] = useState<Part>();
  const [error, setError] = useState<unknown>();
  const from = cursors.at(-1) ?? 0;
  useEffect(() => {
    const stop = new AbortController();
    const query = { from, limit_bytes: PART_BYTES, encoding: "base64" as const };
    setError(undefined);
    client
      .get("/v1/processes/{id}/output", { params: { path: { id }, query }, signal: stop.signal })
      .then(({ chunks, cursor }) => {
        const output = new OutputLines();
        for (const chunk of chunks) {
          if (chunk.type === "gap")
            output.note(`${(chunk.to - chunk.from).toLocaleString("en")} bytes are gone from the log`);
          else output.write(chunk.stream, bytesOf(chunk.data));
        }
        if (!stop.signal.aborted) setPart({ lines: output.lines, from, to: cursor });
      })
      .catch((reason: unknown) => {
        if (!stop.signal.aborted) setError(reason);
      });
    return () => stop.abort();
  }, [client, id, from]);
  const shown = part?.from === from ? part : undefined;
  const count = (cursor: number) => cursor.toLocaleString("en");
  return (
    <>
      {error !== undefined && <ErrorNote error={error} />}
      <OutputView
        lines={shown?.lines ?? []}
        empty={shown === undefined ? "Reading the log…" : "There is nothing in this part."}
        part={shown?.from}
        onFollow={nothing}
        onDownload={download.run}
        isDownloading={download.isRunning}
        earlier={
          <>
            <span role="status">
              {shown === undefined
                ? "Reading…"
                : `Bytes ${count(shown.from)} to ${count(shown.to)} of ${count(Math.max(end, shown.to))}`}
            </span>
            <Button
              kind="quiet"
              disabled={cursors.length < 2}
              onClick={() => setCursors(cursors.slice(0, -1))}
            >
              Before
            </Button>
            <Button
              kind="quiet"
              disabled={shown === undefined || shown.to <= shown.from || shown.to >= end}
              onClick={() => shown !== undefined && setCursors([...cursors, shown.to])}
            >
              Next
            </Button>
            {onLive !== undefined && (
              <Button kind="quiet" onClick={onLive}>
                Back to the newest output
              </Button>
            )}
          </>
        }
      />
    </>
  );
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
