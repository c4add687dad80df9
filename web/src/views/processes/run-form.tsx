import { type FormEvent, type KeyboardEvent, type Ref, useState } from "react";
import { useClient } from "../../state/context.ts";
import type { Process } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { CheckField, Field, TextField } from "../../ui/field.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { durationMs, environmentOf } from "./process-words.ts";
import css from "./run-form.module.css";

/** Commands of this visit, by workspace, the newest last. They may hold secrets: nothing of them is stored. */
const history = new Map<string, string[]>();
const MOST_REMEMBERED = 100;

interface RunFormProps {
  readonly workspace: string;
  readonly input: Ref<HTMLInputElement>;
  readonly onStarted: (process: Process) => void;
}

/** Runs a line in the workspace's shell. */
export function RunForm({ workspace, input, onStarted }: RunFormProps) {
  const client = useClient();
  const [line, setLine] = useState("");
  /** Of the history: how far back one is. */
  const [back, setBack] = useState(0);
  const [options, setOptions] = useState(DEFAULTS);
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const environment = environmentOf(options.env);
  const timeout = options.timeout.trim() === "" ? undefined : durationMs(options.timeout);
  const isTimeoutWrong = options.timeout.trim() !== "" && timeout === undefined;
  const before = history.get(workspace) ?? [];
  const go = (step: number) => {
    const to = Math.min(Math.max(0, back + step), before.length);
    setBack(to);
    setLine(to === 0 ? "" : (before[before.length - to] ?? ""));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    go(event.key === "ArrowUp" ? 1 : -1);
  };
  const run = async (event: FormEvent) => {
    event.preventDefault();
    if (line.trim() === "" || isTimeoutWrong || environment.problem !== undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      const started = await client.post("/v1/workspaces/{workspace}/processes", {
        params: { path: { workspace } },
        body: {
          command: line,
          ...(options.cwd.trim() === "" ? {} : { cwd: options.cwd.trim() }),
          ...(options.name.trim() === "" ? {} : { name: options.name.trim() }),
          ...(Object.keys(environment.env).length === 0 ? {} : { env: environment.env }),
          ...(timeout === undefined ? {} : { timeout_ms: timeout }),
          ...(options.input ? { stdin: "pipe" as const } : {}),
          detached: options.detached,
        },
      });
      history.set(workspace, [...before.filter((one) => one !== line), line].slice(-MOST_REMEMBERED));
      setLine("");
      setBack(0);
      onStarted(started);
    } catch (reason) {
      setError(reason);
    }
    setBusy(false);
  };
  const set = (change: Partial<typeof DEFAULTS>) => setOptions({ ...options, ...change });
  return (
    <form className={css.form} onSubmit={(event) => void run(event)} aria-label="Run a command">
      <div className={css.row}>
        <input
          ref={input}
          className={css.line}
          aria-label="Command"
          placeholder="Run a command, such as npm test"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          value={line}
          onChange={(event) => setLine(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <Button type="submit" kind="primary" icon="play" busy={isBusy} disabled={line.trim() === ""}>
          Run
        </Button>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      <details className={css.more}>
        <summary>Options</summary>
        <div className={css.options}>
          <TextField
            label="Directory"
            optional
            mono
            placeholder={"the workspace's"}
            value={options.cwd}
            onChange={(cwd) => set({ cwd })}
          />
          <TextField label="Name" optional value={options.name} onChange={(name) => set({ name })} />
          <TextField
            label="Time limit"
            optional
            placeholder="90 s, 10 min"
            error={isTimeoutWrong ? "Write a time such as 90 s, 10 min or 2 h." : undefined}
            value={options.timeout}
            onChange={(timeout) => set({ timeout })}
          />
          <Field
            label="Environment"
            optional
            hint="NAME=value, one a line; added to the place's own."
            error={environment.problem}
          >
            {(ids) => (
              <textarea
                {...ids}
                className={css.env}
                rows={2}
                spellCheck={false}
                value={options.env}
                onChange={(event) => set({ env: event.target.value })}
              />
            )}
          </Field>
          <CheckField
            label="In the background"
            hint="It runs until it ends. Otherwise it ends some time after nobody reads it any more."
            checked={options.detached}
            onChange={(detached) => set({ detached })}
          />
          <CheckField
            label="Takes input"
            hint="Its standard input can be written to from here."
            checked={options.input}
            onChange={(input) => set({ input })}
          />
        </div>
      </details>
    </form>
  );
}

const DEFAULTS = { cwd: "", name: "", timeout: "", env: "", detached: true, input: false };
