import { useCallback, useEffect, useState } from "react";
import { useClient, useMay } from "../../state/context.ts";
import { useObservable } from "../../state/observable.ts";
import type { Process } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { shortBytes } from "../../ui/format.ts";
import { ErrorNote } from "../../ui/notes.tsx";
import { saveBlob } from "../../ui/save.ts";
import { sayError } from "../../ui/toasts.tsx";
import { OpenPreview } from "../ports/open-preview.tsx";
import { LiveOutput, takesNoInput } from "./live-output.ts";
import { LogPages } from "./log-pages.tsx";
import css from "./output.module.css";
import { OutputView } from "./output-view.tsx";
import { ProcessInput } from "./process-input.tsx";

/** Output of a process, live; or from the beginning, part by part, which is all that there is of a lost one. */
export function ProcessOutput({ process }: { readonly process: Process }) {
  return process.state === "lost" ? <LostOutput process={process} /> : <AttachedOutput process={process} />;
}

function LostOutput({ process }: { readonly process: Process }) {
  return <LogPages process={process} end={process.output_end} download={useDownload(process)} />;
}

function AttachedOutput({ process }: { readonly process: Process }) {
  const [output, setOutput] = useState<LiveOutput>();
  const [isPaged, setPaged] = useState(false);
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what it was when it was opened; from then on it is told
  useEffect(() => {
    const opened = new LiveOutput(client, process);
    setOutput(opened);
    return () => opened[Symbol.dispose]();
  }, [client, process.id]);
  const download = useDownload(process);
  if (output === undefined) return null;
  const Shown = isPaged ? PagedView : LiveView;
  return <Shown process={process} output={output} download={download} onOther={() => setPaged(!isPaged)} />;
}

interface ShownProps {
  readonly process: Process;
  readonly output: LiveOutput;
  readonly download: Download;
  readonly onOther: () => void;
}

function PagedView({ process, output, download, onOther }: ShownProps) {
  const { cursor } = useObservable(output.state);
  const end = Math.max(process.output_end, cursor);
  return <LogPages process={process} end={end} download={download} onLive={onOther} />;
}

function LiveView({ process, output, download, onOther }: ShownProps) {
  const { lines, from, cursor, dropped, connection, error, role, ports } = useObservable(output.state);
  const [follow, setFollow] = useState(true);
  const mayOperate = useMay("operate");
  const isRunning = process.state === "running";
  const hasEarlier = from > process.output_start || dropped > 0;
  const words = {
    connecting: "Asking for the output…",
    live: isRunning ? "Nothing was printed yet." : "Asking for the output…",
    lost: "The connection was lost; trying again…",
    ended: "It printed nothing.",
    failed: "The output could not be read.",
  };
  return (
    <>
      {error !== undefined && !takesNoInput(error) && <ErrorNote error={error} />}
      {isRunning &&
        mayOperate &&
        ports.map((port) => <OpenPreview key={port} workspace={process.workspace} port={port} isOffer />)}
      <OutputView
        lines={lines}
        empty={words[connection]}
        follow={follow}
        onFollow={setFollow}
        onDownload={download.run}
        isDownloading={download.isRunning}
        earlier={
          hasEarlier ? (
            <>
              <span>
                Earlier output is in the log
                {dropped > 0 ? `; ${dropped.toLocaleString("en")} lines are not shown any more` : ""}.
              </span>
              <Button kind="quiet" onClick={onOther}>
                Show from the beginning
              </Button>
            </>
          ) : connection === "lost" ? (
            <span role="status">{words.lost}</span>
          ) : undefined
        }
      >
        {isRunning && process.tty === null && mayOperate ? (
          <ProcessInput output={output} role={role} isClosed={takesNoInput(error)} />
        ) : undefined}
      </OutputView>
      <p className={css.legend}>
        {shortBytes(Math.max(process.output_end, cursor))} in the log
        {lines.some(({ source }) => source === "stderr") && " · lines marked E are from stderr"}
      </p>
    </>
  );
}

export interface Download {
  readonly run: () => void;
  readonly isRunning: boolean;
}

/** The log as a file, whatever of it is shown. */
function useDownload({ id, name }: Process): Download {
  const client = useClient();
  const [isRunning, setRunning] = useState(false);
  const run = useCallback(async () => {
    setRunning(true);
    try {
      const init = { params: { path: { id }, query: { from: 0 } }, parseAs: "blob" as const };
      saveBlob(await client.get("/v1/processes/{id}/log", init), `${name ?? id}.log`);
    } catch (error) {
      sayError(error);
    }
    setRunning(false);
  }, [client, id, name]);
  return { run: () => void run(), isRunning };
}
