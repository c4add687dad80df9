import { useEffect, useMemo, useState } from "react";
import { useClient } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { shortBytes } from "../../ui/format.ts";
import { ErrorNote, Note, Waiting } from "../../ui/notes.tsx";
import { PART_BYTES, readBytes } from "./content.ts";
import css from "./files.module.css";
import { hexLines } from "./hex.ts";

interface PictureProps {
  readonly blob: Blob;
  readonly name: string;
  readonly onText: (() => void) | undefined;
}

const STEPS = [0.1, 0.25, 0.5, 1, 2, 4, 8];

/** A picture, over squares that show what of it is transparent. As an image nothing in it runs. */
export function PictureView({ blob, name, onText }: PictureProps) {
  const [url, setUrl] = useState<string>();
  const [size, setSize] = useState<{ readonly width: number; readonly height: number }>();
  const [isBroken, setBroken] = useState(false);
  /** undefined: as large as there is room for. */
  const [zoom, setZoom] = useState<number>();
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    setBroken(false);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  const step = (by: 1 | -1) => {
    const now = zoom ?? 1;
    setZoom((by === 1 ? STEPS.find((one) => one > now) : STEPS.findLast((one) => one < now)) ?? now);
  };
  return (
    <div className={css.other}>
      <div className={css.bar}>
        <span className={css.soft}>
          {size === undefined ? "" : `${size.width} × ${size.height} pixels, `}
          {shortBytes(blob.size)}
        </span>
        <Button kind="quiet" aria-pressed={zoom === undefined} onClick={() => setZoom(undefined)}>
          Fit
        </Button>
        <Button kind="quiet" aria-label="Smaller" onClick={() => step(-1)}>
          −
        </Button>
        <Button kind="quiet" aria-pressed={zoom === 1} onClick={() => setZoom(1)}>
          {zoom === undefined ? "100 %" : `${Math.round(zoom * 100)} %`}
        </Button>
        <Button kind="quiet" aria-label="Larger" onClick={() => step(1)}>
          +
        </Button>
        {onText !== undefined && (
          <Button kind="quiet" icon="edit" onClick={onText}>
            Edit as text
          </Button>
        )}
      </div>
      {isBroken && (
        <Note kind="warn" title="This is no picture that the browser can show.">
          <p>It may be damaged, or something else than its name says.</p>
        </Note>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys */}
      <section className={css.pictureBox} aria-label="Picture" tabIndex={0}>
        {url !== undefined && !isBroken && (
          <img
            src={url}
            alt={name}
            className={classes(css.picture, zoom === undefined && css.fit)}
            style={zoom === undefined || size === undefined ? undefined : { width: size.width * zoom }}
            onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) =>
              setSize({ width, height })
            }
            onError={() => setBroken(true)}
          />
        )}
      </section>
    </div>
  );
}

interface BinaryProps {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly reason: string;
}

/** What is no text: its first bytes. */
export function BinaryView({ bytes, size, reason }: BinaryProps) {
  const lines = useMemo(() => hexLines(bytes), [bytes]);
  return (
    <div className={css.other}>
      <Note kind="info" title="This file is not shown as text.">
        <p>
          {reason} It is {shortBytes(size)} long
          {bytes.length < size ? `; these are its first ${shortBytes(bytes.length)}.` : "."}
        </p>
      </Note>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys */}
      <section className={css.plain} aria-label="Bytes" tabIndex={0}>
        <pre>{lines.join("\n")}</pre>
      </section>
    </div>
  );
}

interface LargeProps {
  readonly workspace: string;
  readonly path: string;
  readonly size: number;
}

/** A part of a file that is too large to be edited here. */
export function LargeView({ workspace, path, size }: LargeProps) {
  const client = useClient();
  const parts = Math.ceil(size / PART_BYTES);
  const [part, setPart] = useState(0);
  const [found, setFound] = useState<{ readonly text?: string; readonly error?: unknown }>({});
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    setFound({});
    const start = part * PART_BYTES;
    readBytes({ client, workspace, path, signal }, { start, end: start + PART_BYTES - 1 }).then(
      ({ bytes }) => setFound({ text: new TextDecoder().decode(bytes) }),
      (error: unknown) => {
        if (!signal.aborted) setFound({ error });
      },
    );
    return () => stop.abort();
  }, [client, workspace, path, part]);
  return (
    <div className={css.other}>
      <Note
        kind="info"
        title={`This file is ${shortBytes(size)} long: parts of it are shown, to be read only.`}
      >
        <p>Download it to have all of it, or open it in a terminal.</p>
      </Note>
      <div className={css.bar}>
        <Button kind="quiet" disabled={part === 0} onClick={() => setPart(0)}>
          First
        </Button>
        <Button kind="quiet" disabled={part === 0} onClick={() => setPart(part - 1)}>
          Previous
        </Button>
        <span role="status">
          Part {part + 1} of {parts}
        </span>
        <Button kind="quiet" disabled={part >= parts - 1} onClick={() => setPart(part + 1)}>
          Next
        </Button>
        <Button kind="quiet" disabled={part >= parts - 1} onClick={() => setPart(parts - 1)}>
          Last
        </Button>
      </div>
      {found.error !== undefined && <ErrorNote error={found.error} />}
      {found.error === undefined && found.text === undefined && <Waiting what="Reading…" />}
      {found.text !== undefined && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys
        <section className={css.plain} aria-label={`Part ${part + 1} of ${path}`} tabIndex={0}>
          <pre>{found.text}</pre>
        </section>
      )}
    </div>
  );
}
