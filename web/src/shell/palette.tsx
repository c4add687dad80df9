import { type KeyboardEvent, useId, useMemo, useRef, useState } from "react";
import { useObservable } from "../state/observable.ts";
import { Dialog } from "../ui/dialog.tsx";
import { commands, keysForPeople, type PageCommand } from "./commands.ts";
import { ranked } from "./match.ts";
import css from "./palette.module.css";

/** All that can be done now, found by a few letters. */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const all = useObservable(commands);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const found = useMemo(
    () =>
      ranked(
        latest(all).filter((one) => one.id !== "palette"),
        text,
        titleOf,
      ),
    [all, text],
  );
  const selected = found[Math.min(at, found.length - 1)];
  const move = (to: number) => {
    const next = (to + found.length) % Math.max(1, found.length);
    setAt(next);
    list.current?.children[next]?.scrollIntoView({ block: "nearest" });
  };
  const run = (command: PageCommand | undefined) => {
    if (command === undefined) return;
    onClose();
    // What it opens gets the focus after this has given it back.
    setTimeout(command.run);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") move(at + 1);
    else if (event.key === "ArrowUp") move(at - 1);
    else if (event.key === "Enter") run(selected);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Commands" onClose={onClose}>
      <input
        autoFocus
        type="text"
        role="combobox"
        aria-label="Find a command"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={selected === undefined ? undefined : `${id}-${selected.id}`}
        autoComplete="off"
        spellCheck={false}
        placeholder="Type to find"
        className={css.input}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id={id} ref={list} role="listbox" tabIndex={-1} aria-label="Commands" className={css.list}>
        {found.map((command, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the input
          <div
            key={command.id}
            id={`${id}-${command.id}`}
            role="option"
            tabIndex={-1}
            aria-selected={command === selected}
            className={css.item}
            onPointerMove={() => setAt(index)}
            onClick={() => run(command)}
          >
            <span>
              {command.group !== undefined && <span className={css.group}>{command.group} </span>}
              {command.title}
            </span>
            {command.keys !== undefined && <kbd>{keysForPeople(command.keys)}</kbd>}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className={css.none}>Nothing is called that.</p>}
    </Dialog>
  );
}

function titleOf({ group = "", title }: PageCommand): string {
  return `${group} ${title}`;
}

/** Of commands of one id the one that was offered last. */
function latest(all: readonly PageCommand[]): readonly PageCommand[] {
  return [...new Map(all.map((command) => [command.id, command])).values()];
}
