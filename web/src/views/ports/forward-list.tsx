import { useClient, useMay } from "../../state/context.ts";
import type { Live } from "../../state/live.ts";
import { Button } from "../../ui/button.tsx";
import { shortBytes } from "../../ui/format.ts";
import { ErrorNote } from "../../ui/notes.tsx";
import { Ago } from "../../ui/time.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { addressText } from "./port-number.ts";
import css from "./ports.module.css";
import type { Forward } from "./ports-view.tsx";
import { CopyButton } from "./preview-list.tsx";

/** Ports of the runner's machine that lead into the place. */
export function ForwardList({ forwards }: { readonly forwards: Live<readonly Forward[]> }) {
  const client = useClient();
  const mayOperate = useMay("operate");
  const { value = [], error, refresh } = forwards;
  const close = async (forward: Forward) => {
    try {
      await client.delete("/v1/forwards/{id}", { params: { path: { id: forward.id } } });
      say(`Port ${forward.remote_port} is no longer forwarded`);
    } catch (reason) {
      sayError(reason);
    }
    refresh();
  };
  return (
    <section aria-labelledby="ports-forwards" className={css.part}>
      <h2 id="ports-forwards">Forwards</h2>
      {error !== undefined && <ErrorNote error={error} />}
      {value.length === 0 ? (
        <p className={css.none}>
          A forward is a port of the runner's machine that leads into the place, for any program there.
        </p>
      ) : (
        <ul className={css.list}>
          {value.map((forward) => {
            const local = addressText(forward.local_host, forward.local_port);
            const remote = addressText(forward.remote_host ?? "127.0.0.1", forward.remote_port);
            return (
              <li key={forward.id} className={css.row}>
                <span className={css.port}>{forward.remote_port}</span>
                <span className={css.about}>
                  <code>
                    {local} → {remote}
                  </code>
                  <span>
                    {forward.connections} open, {forward.connections_total} in all
                  </span>
                  <span>
                    {shortBytes(forward.bytes_in)} in, {shortBytes(forward.bytes_out)} out
                  </span>
                  <span>
                    since <Ago time={forward.created_at} />
                  </span>
                </span>
                <span className={css.buttons}>
                  <CopyButton label={`Copy ${local}`} text={local} />
                  {mayOperate && (
                    <Button
                      aria-label={`Close the forward of port ${forward.remote_port}`}
                      onClick={() => void close(forward)}
                    >
                      Close
                    </Button>
                  )}
                </span>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
