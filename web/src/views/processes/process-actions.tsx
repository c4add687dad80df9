import { useState } from "react";
import { useClient, useMay } from "../../state/context.ts";
import type { Process } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Menu } from "../../ui/menu.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import css from "./process-detail.module.css";
import { commandText, SIGNALS } from "./process-words.ts";

interface ProcessActionsProps {
  readonly process: Process;
  readonly onDeleted: () => void;
}

/** What can be done with a process; nothing to who may only look. */
export function ProcessActions({ process, onDeleted }: ProcessActionsProps) {
  const client = useClient();
  const mayOperate = useMay("operate");
  const [asked, setAsked] = useState<"kill" | "delete">();
  const [isBusy, setBusy] = useState(false);
  if (!mayOperate) return null;
  const params = { path: { id: process.id } };
  const attempt = async (work: () => Promise<unknown>, done: string) => {
    setBusy(true);
    try {
      await work();
      say(done);
    } catch (error) {
      sayError(error);
    }
    setBusy(false);
  };
  const kill = () =>
    attempt(() => client.post("/v1/processes/{id}/kill", { params, body: {} }), "The process has ended");
  const remove = () =>
    attempt(async () => {
      await client.delete("/v1/processes/{id}", { params });
      onDeleted();
    }, "Record and log are removed");
  const signal = (name: string) =>
    attempt(() => client.post("/v1/processes/{id}/signal", { params, body: { name } }), `${name} was sent`);
  const close = () => setAsked(undefined);
  return (
    <div className={css.actions}>
      {process.state === "running" ? (
        <>
          {!process.detached && (
            <Button
              onClick={() =>
                void attempt(
                  () => client.post("/v1/processes/{id}/detach", { params }),
                  "It runs until it ends, whoever leaves",
                )
              }
              title="It goes on when nobody reads its output any more"
            >
              Detach
            </Button>
          )}
          <Menu
            label="Send a signal"
            icon="process"
            items={SIGNALS.map(({ name, meaning }) => ({
              label: `${name}: ${meaning}`,
              run: () => void signal(name),
            }))}
          >
            Signal
          </Menu>
          <Button icon="stop" kind="danger" busy={isBusy} onClick={() => setAsked("kill")}>
            End
          </Button>
        </>
      ) : (
        <Button icon="trash" busy={isBusy} onClick={() => setAsked("delete")}>
          Delete
        </Button>
      )}
      {asked === "kill" && (
        <Dialog
          title="End the process and everything it started?"
          onClose={close}
          actions={
            <>
              <Button onClick={close}>Let it run</Button>
              <Button
                kind="danger"
                onClick={() => {
                  close();
                  void kill();
                }}
              >
                End it
              </Button>
            </>
          }
        >
          <p>
            <code>{commandText(process.command)}</code>
          </p>
          <p>The whole tree gets TERM, and KILL two seconds later. Its output stays readable.</p>
        </Dialog>
      )}
      {asked === "delete" && (
        <Dialog
          title="Delete record and log?"
          onClose={close}
          actions={
            <>
              <Button onClick={close}>Keep them</Button>
              <Button
                kind="danger"
                onClick={() => {
                  close();
                  void remove();
                }}
              >
                Delete
              </Button>
            </>
          }
        >
          <p>
            <code>{commandText(process.command)}</code>
          </p>
          <p>Its output can't be read any more. The events of the workspace still say that it ran.</p>
        </Dialog>
      )}
    </div>
  );
}
