import { type FormEvent, useEffect, useId, useState } from "react";
import { useClient } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ErrorNote, Waiting } from "../../ui/notes.tsx";
import { portInPlace } from "./input.ts";
import type { WantedTerminal } from "./start.ts";
import css from "./terminals.module.css";

interface Asked {
  readonly onClose: () => void;
}

/** A terminal with a command of the user's own. */
export function CommandDialog({
  onClose,
  onStart,
}: Asked & { readonly onStart: (wanted: WantedTerminal) => void }) {
  const [command, setCommand] = useState("");
  const [name, setName] = useState("");
  const [cwd, setCwd] = useState("");
  const form = useId();
  const isNamed = name === "" || /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
  const isReady = command.trim() !== "" && isNamed;
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!isReady) return;
    onClose();
    const given = (text: string) => (text.trim() === "" ? undefined : text.trim());
    onStart({ command, name: given(name), cwd: given(cwd) });
  };
  return (
    <Dialog
      title="Run a command in a terminal"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form={form} disabled={!isReady}>
            Start
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={onSubmit} className={css.form}>
        <TextField
          label="Command"
          mono
          autoFocus
          value={command}
          onChange={setCommand}
          hint="As in a shell: htop, or npm run dev"
        />
        <TextField
          label="Name"
          optional
          value={name}
          onChange={setName}
          error={isNamed ? undefined : "Letters, digits, dots, dashes and underscores"}
          hint="By which the berth command finds it, too"
        />
        <TextField
          label="Directory"
          optional
          mono
          value={cwd}
          onChange={setCwd}
          hint="Default: the workspace's own"
        />
      </form>
    </Dialog>
  );
}

/** What becomes of a program whose terminal is closed. */
export function CloseDialog({
  name,
  onClose,
  onLeave,
  onEnd,
}: Asked & { readonly name: string; readonly onLeave: () => void; readonly onEnd: () => void }) {
  return (
    <Dialog
      title={`Close ${name}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" onClick={onEnd}>
            End it
          </Button>
          <Button kind="primary" autoFocus onClick={onLeave}>
            Leave it running
          </Button>
        </>
      }
    >
      <p>
        Its command is still running. Left running, it stays in the list of terminals and can be opened again.
      </p>
    </Dialog>
  );
}

/** Before several lines go to something that may run each of them. */
export function PasteDialog({
  text,
  lines,
  onClose,
  onPaste,
}: Asked & { readonly text: string; readonly lines: number; readonly onPaste: () => void }) {
  return (
    <Dialog
      title={`Paste ${lines} lines?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" autoFocus onClick={onPaste}>
            Paste
          </Button>
        </>
      }
    >
      <p>The program takes them as if they were typed: a shell runs each line at once.</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <section className={css.pasted} tabIndex={0} aria-label="What would be pasted">
        <pre>{text.length > 2000 ? `${text.slice(0, 2000)}…` : text}</pre>
      </section>
    </Dialog>
  );
}

/** An address that a program of the place calls localhost: it leads there by a preview. */
export function LinkDialog({
  address,
  workspace,
  onClose,
}: Asked & { readonly address: URL; readonly workspace: string }) {
  const client = useClient();
  const [link, setLink] = useState<string>();
  const [error, setError] = useState<unknown>();
  const port = portInPlace(address) ?? 0;
  useEffect(() => {
    const stop = new AbortController();
    const body = { port, path: `${address.pathname}${address.search}` };
    client
      .post("/v1/workspaces/{workspace}/previews", {
        params: { path: { workspace } },
        body,
        signal: stop.signal,
      })
      .then(({ url, open_url }) => setLink(open_url ?? url))
      .catch((cause: unknown) => {
        if (!stop.signal.aborted) setError(cause);
      });
    return () => stop.abort();
  }, [client, workspace, address, port]);
  return (
    <Dialog title={`Port ${port} of the place`} onClose={onClose}>
      <p>
        In the place, <code className={css.address}>{address.href}</code> is its own port {port}. A preview
        leads there from this browser.
      </p>
      {error !== undefined && <ErrorNote error={error} />}
      {error === undefined && link === undefined && <Waiting what="Making a preview…" />}
      {link !== undefined && (
        <p>
          <a href={link} target="_blank" rel="noopener noreferrer" onClick={onClose}>
            Open the preview
          </a>{" "}
          (this link works once)
        </p>
      )}
    </Dialog>
  );
}
