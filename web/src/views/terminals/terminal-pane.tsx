import "@xterm/xterm/css/xterm.css";
import { type CSSProperties, useEffect, useId, useRef, useState } from "react";
import { keysForPeople } from "../../shell/commands.ts";
import { useClient, useLink } from "../../state/context.ts";
import { useObservable, Variable } from "../../state/observable.ts";
import { IconButton } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { Menu } from "../../ui/menu.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { LinkDialog, PasteDialog } from "./dialogs.tsx";
import { Emulator, screenReaderMode } from "./emulator.ts";
import { pasteText, portInPlace } from "./input.ts";
import { bindKeys, copy } from "./keys.ts";
import type { Box, Direction } from "./layout.ts";
import { PaneBars, PaneNotices } from "./pane-bars.tsx";
import { SearchBar } from "./search-bar.tsx";
import { TerminalSession } from "./session.ts";
import type { SessionState } from "./session-state.ts";
import { keepWriter, wasWriter } from "./storage.ts";
import css from "./terminals.module.css";

export interface PaneProps {
  readonly workspace: string;
  readonly process: string;
  readonly name: string;
  readonly box: Box;
  readonly fontSize: number;
  readonly mayWrite: boolean;
  readonly isFresh: boolean;
  /** Its tab is the one that is shown. */
  readonly isShown: boolean;
  /** It is where one types, or would. */
  readonly isActive: boolean;
  /** Beside others in its tab. */
  readonly isShared: boolean;
  /** Another number: the focus goes to it. */
  readonly focusAsked: number | undefined;
  /** Another number: its search is opened. */
  readonly searchAsked: number | undefined;
  readonly onFocus: () => void;
  readonly onState: (state: SessionState) => void;
  readonly onSplit: (direction: Direction) => void;
  readonly onZoom: (by: number | undefined) => void;
  /** To the next one of the tab, where only one has room. */
  readonly onNext: (() => void) | undefined;
  readonly onAgain: () => void;
  readonly onClose: () => void;
}

interface Running {
  readonly session: TerminalSession;
  readonly emulator: Emulator;
}

const NOTHING = new Variable<SessionState | undefined>(undefined);

/** One terminal with what is said of it. */
export function TerminalPane(props: PaneProps) {
  const { process, name, box, fontSize, mayWrite, isFresh, isShown, isActive, isShared } = props;
  const client = useClient();
  const help = useId();
  const host = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const newest = useRef(props);
  newest.current = props;
  const [running, setRunning] = useState<Running>();
  const [attempt, setAttempt] = useState(0);
  const [wasShown, setWasShown] = useState(isShown);
  const [isSearching, setSearching] = useState(false);
  const [pasting, setPasting] = useState<{ readonly text: string; readonly lines: number }>();
  const [address, setAddress] = useState<URL>();
  const [hovered, setHovered] = useState<string>();
  if (isShown && !wasShown) setWasShown(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what changes later is told to the session that there is
  useEffect(() => {
    const element = host.current;
    if (!wasShown || element === null) return;
    const emulator = new Emulator({
      fontSize,
      onLink: (url) => {
        if (portInPlace(url) !== undefined && newest.current.mayWrite) setAddress(url);
        else window.open(url.href, "_blank", "noopener,noreferrer");
      },
      onHover: setHovered,
    });
    emulator.open(element, help);
    const options = {
      processId: process,
      client,
      fontSize,
      emulator,
      mayWrite,
      wasWriter: wasWriter(process),
    };
    const session = new TerminalSession({ ...options, isFresh: isFresh && attempt === 0 });
    bindKeys(element, emulator, session, {
      leave: () => bar.current?.querySelector("button")?.focus(),
      zoom: (by) => newest.current.onZoom(by),
      askToPaste: (text, lines) => setPasting({ text, lines }),
    });
    const follow = () => newest.current.onState(session.state.get());
    const forget = session.state.subscribe(follow);
    const resized = new ResizeObserver(() => session.fit());
    resized.observe(element);
    setRunning({ session, emulator });
    return () => {
      forget();
      resized.disconnect();
      session[Symbol.dispose]();
      element.replaceChildren();
      setRunning(undefined);
    };
  }, [process, client, mayWrite, wasShown, attempt]);
  const state = useObservable<SessionState | undefined>(running?.session.state ?? NOTHING);
  const { role, phase = "opening", hasBell = false } = state ?? {};
  useEffect(() => {
    if (running !== undefined) running.emulator.label = `Terminal ${name}`;
  }, [running, name]);
  const isCutOff = useLink().state === "lost";
  useEffect(() => {
    if (running !== undefined) running.session.isCutOff = isCutOff;
  }, [running, isCutOff]);
  useEffect(() => {
    if (running !== undefined) running.session.fontSize = fontSize;
  }, [running, fontSize]);
  useEffect(() => {
    if (running === undefined) return;
    running.emulator.seen = isShown;
    if (isShown) running.session.fit();
  }, [running, isShown]);
  useEffect(() => {
    if (role !== undefined && phase === "live") keepWriter(process, role === "writer");
  }, [process, role, phase]);
  const { focusAsked, searchAsked } = props;
  useEffect(() => {
    if (focusAsked !== undefined) running?.emulator.terminal.focus();
  }, [running, focusAsked]);
  useEffect(() => {
    if (searchAsked !== undefined) setSearching(true);
  }, [searchAsked]);
  useEffect(() => {
    if (hasBell && isShown && isActive && document.hasFocus()) running?.session.seen();
  }, [running, hasBell, isShown, isActive]);
  const isCovered = phase === "opening" || phase === "restoring";
  const style: CSSProperties = {
    left: `${box.x * 100}%`,
    top: `${box.y * 100}%`,
    width: `${box.width * 100}%`,
    height: `${box.height * 100}%`,
  };
  const endSearch = () => {
    setSearching(false);
    running?.emulator.terminal.focus();
  };
  return (
    <section
      aria-label={`Terminal ${name}`}
      className={classes(css.pane, isShared && isActive && css.active)}
      style={style}
      hidden={!isShown}
      data-process={process}
      data-phase={phase}
      onFocus={props.onFocus}
    >
      <div ref={bar} className={css.bar} role="toolbar" aria-label={`Tools of ${name}`}>
        <span className={css.name}>{name}</span>
        <span className={css.title}>{state?.title}</span>
        <IconButton
          icon="search"
          label={`Search (${keysForPeople("Mod+Shift+F")})`}
          onClick={() => setSearching(true)}
        />
        {props.onNext !== undefined && (
          <IconButton icon="chevronRight" label="Next terminal of this tab" onClick={props.onNext} />
        )}
        {mayWrite && props.onNext === undefined && (
          <>
            <IconButton icon="splitRight" label="Split to the right" onClick={() => props.onSplit("row")} />
            <IconButton icon="splitDown" label="Split downwards" onClick={() => props.onSplit("column")} />
          </>
        )}
        <Menu
          label={`More of ${name}`}
          items={[
            {
              label: "Copy what is selected",
              icon: "copy",
              run: () => running && void copy(running.emulator),
            },
            { label: "Select everything", run: () => running?.emulator.terminal.selectAll() },
            { label: "Larger text", separated: true, run: () => props.onZoom(1) },
            { label: "Smaller text", run: () => props.onZoom(-1) },
            {
              label: screenReaderMode.get() ? "Leave screen reader mode" : "Screen reader mode",
              separated: true,
              run: () => running && toggleScreenReader(running.emulator),
            },
          ]}
        />
        <IconButton icon="close" label={`Close ${name}`} onClick={props.onClose} />
      </div>
      {phase === "failed" && (
        <div className={css.failed}>
          <ErrorNote
            error={state?.error}
            actions={
              <button type="button" onClick={() => setAttempt(attempt + 1)}>
                Try again
              </button>
            }
          />
        </div>
      )}
      <div className={css.screen}>
        <div
          ref={host}
          className={classes(css.host, role === "viewer" && css.viewer, isCovered && css.covered)}
        />
        {phase === "restoring" && (
          <p role="status" className={css.restoring}>
            Restoring the screen… What you type is sent then.
          </p>
        )}
        {isSearching && running !== undefined && (
          <SearchBar emulator={running.emulator} onClose={endSearch} />
        )}
        {state !== undefined && <PaneNotices state={state} onSeen={() => running?.session.seen()} />}
        {hovered !== undefined && <p className={css.hovered}>{hovered}</p>}
      </div>
      <p id={help} className="unseen">
        {keysForPeople("Mod+Shift+Space")} leads out of the terminal, to its tools.
      </p>
      {state !== undefined && (
        <PaneBars
          state={state}
          mayWrite={mayWrite}
          onTakeOver={() => {
            running?.session.takeOver();
            running?.emulator.terminal.focus();
          }}
          onAgain={props.onAgain}
          onClose={props.onClose}
        />
      )}
      {pasting !== undefined && (
        <PasteDialog
          {...pasting}
          onClose={() => setPasting(undefined)}
          onPaste={() => {
            setPasting(undefined);
            running?.emulator.terminal.paste(pasteText(pasting.text));
          }}
        />
      )}
      {address !== undefined && (
        <LinkDialog address={address} workspace={props.workspace} onClose={() => setAddress(undefined)} />
      )}
    </section>
  );
}

function toggleScreenReader({ terminal }: Emulator): void {
  screenReaderMode.set(!screenReaderMode.get());
  terminal.options.screenReaderMode = screenReaderMode.get();
}
