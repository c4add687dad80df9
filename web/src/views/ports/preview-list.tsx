import { useClient, useMay } from "../../state/context.ts";
import type { Live } from "../../state/live.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { Ago } from "../../ui/time.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { OpenPreview } from "./open-preview.tsx";
import css from "./ports.module.css";
import type { Preview } from "./ports-view.tsx";

interface PreviewListProps {
  readonly workspace: string;
  readonly previews: Live<readonly Preview[]>;
}

/** Addresses of their own for ports of the place: for browsers, by the runner. */
export function PreviewList({ workspace, previews }: PreviewListProps) {
  const client = useClient();
  const mayOperate = useMay("operate");
  const { value = [], error, refresh } = previews;
  const end = async (port: number) => {
    try {
      const params = { path: { workspace }, query: { port } };
      await client.delete("/v1/workspaces/{workspace}/previews", { params });
      say(`The preview of port ${port} has ended`);
    } catch (reason) {
      sayError(reason);
    }
    refresh();
  };
  return (
    <section aria-labelledby="ports-previews" className={css.part}>
      <h2 id="ports-previews">Previews</h2>
      {error !== undefined && <ErrorNote error={error} />}
      {value.length === 0 ? (
        <p className={css.none}>
          A preview opens a port of the place in this browser, at an address of its own.
        </p>
      ) : (
        <ul className={css.list}>
          {value.map(({ port, url, created_at }) => (
            <li key={port} className={css.row}>
              <span className={css.port}>{port}</span>
              <span className={css.about}>
                <code>{url}</code>
                <span>
                  made <Ago time={created_at} />
                </span>
              </span>
              <span className={css.buttons}>
                {mayOperate && <OpenPreview workspace={workspace} port={port} onOpened={refresh} />}
                <CopyButton label={`Copy the address of port ${port}`} text={url} />
                {mayOperate && (
                  <Button aria-label={`End the preview of port ${port}`} onClick={() => void end(port)}>
                    End
                  </Button>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function CopyButton({ label, text }: { readonly label: string; readonly text: string }) {
  const copy = () => {
    navigator.clipboard.writeText(text).then(() => say(`Copied ${text}`), sayError);
  };
  return <IconButton icon="copy" label={label} onClick={copy} />;
}
