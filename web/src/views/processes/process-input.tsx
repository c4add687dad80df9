import { type FormEvent, useState } from "react";
import { isBerthError } from "../../../../src/client/index.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { type LiveOutput, takesNoInput } from "./live-output.ts";
import css from "./process-input.module.css";

interface ProcessInputProps {
  readonly output: LiveOutput;
  readonly role: "viewer" | "writer";
  /** The process said that it takes none. */
  readonly isClosed: boolean;
}

/** A line at a time to the process's standard input. There is one writer at a time: its place is asked for first. */
export function ProcessInput({ output, role, isClosed }: ProcessInputProps) {
  const [text, setText] = useState("");
  const [error, setError] = useState<unknown>();
  const [isTaken, setTaken] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const attempt = async (work: () => Promise<void> | void) => {
    setError(undefined);
    setBusy(true);
    try {
      await work();
    } catch (reason) {
      if (isBerthError(reason, "attach.writer_taken")) setTaken(true);
      else setError(reason);
    }
    setBusy(false);
  };
  const take = (takeover: boolean) => attempt(() => output.takeInput({ takeover }));
  const send = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      if (role === "viewer") await output.takeInput({ takeover: false });
      await output.write(`${text}\n`);
      setText("");
    });
  };
  return (
    <form className={css.form} onSubmit={send}>
      {isClosed || takesNoInput(error) ? (
        <p className={css.none} role="status">
          This process reads no input: it was started without, or its input was ended.
        </p>
      ) : (
        error !== undefined && <ErrorNote error={error} />
      )}
      {!isClosed && (
        <div className={css.row}>
          <input
            className={css.input}
            aria-label="Input for the process"
            placeholder={
              role === "writer" ? "A line for its input" : "A line for its input (asks to write first)"
            }
            spellCheck={false}
            autoComplete="off"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <Button type="submit" busy={isBusy}>
            Send
          </Button>
          {role === "writer" && (
            <Button kind="quiet" onClick={() => void attempt(() => output.end())}>
              End of input
            </Button>
          )}
        </div>
      )}
      {isTaken && (
        <Dialog
          title="Somebody else writes to it"
          onClose={() => setTaken(false)}
          actions={
            <>
              <Button onClick={() => setTaken(false)}>Go on looking</Button>
              <Button
                kind="primary"
                onClick={() => {
                  setTaken(false);
                  void take(true);
                }}
              >
                Take over
              </Button>
            </>
          }
        >
          <p>
            One client at a time writes to a process. If you take over, the other one goes on looking and is
            told so.
          </p>
        </Dialog>
      )}
    </form>
  );
}
