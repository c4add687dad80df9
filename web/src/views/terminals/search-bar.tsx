import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { IconButton } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import type { Emulator } from "./emulator.ts";
import css from "./terminals.module.css";

interface SearchBarProps {
  readonly emulator: Emulator;
  readonly onClose: () => void;
}

/** Looks for a text in what the terminal shows and has shown. */
export function SearchBar({ emulator, onClose }: SearchBarProps) {
  const [text, setText] = useState("");
  const [isCaseSensitive, setCaseSensitive] = useState(false);
  const [isPattern, setPattern] = useState(false);
  const [found, setFound] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    input.current?.focus();
    return () => emulator.endSearch();
  }, [emulator]);
  useEffect(() => {
    emulator.onMatches(({ count, shown }) => {
      setFound(count === 0 ? "none" : shown === 0 ? `${count}+` : `${shown} of ${count}`);
    });
  }, [emulator]);
  const find = (to: "typing" | "next" | "previous", terms = { text, isCaseSensitive, isPattern }) => {
    try {
      const any = emulator.find(terms, to);
      if (terms.text === "") setFound("");
      else if (!any) setFound("none");
    } catch {
      setFound("no pattern yet");
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
    else if (event.key === "Enter") find(event.shiftKey ? "previous" : "next");
    else return;
    event.preventDefault();
  };
  return (
    <search className={css.search} aria-label="Search in the terminal">
      <input
        ref={input}
        aria-label="Text to find"
        placeholder="Find"
        spellCheck={false}
        value={text}
        onKeyDown={onKeyDown}
        onChange={({ target: { value } }) => {
          setText(value);
          find("typing", { text: value, isCaseSensitive, isPattern });
        }}
      />
      <span role="status" className={css.found}>
        {found}
      </span>
      <button
        type="button"
        aria-pressed={isCaseSensitive}
        aria-label="Match case"
        title="Match case"
        className={classes(css.toggle, isCaseSensitive && css.on)}
        onClick={() => {
          setCaseSensitive(!isCaseSensitive);
          find("typing", { text, isCaseSensitive: !isCaseSensitive, isPattern });
        }}
      >
        Aa
      </button>
      <button
        type="button"
        aria-pressed={isPattern}
        aria-label="Regular expression"
        title="Regular expression"
        className={classes(css.toggle, isPattern && css.on)}
        onClick={() => {
          setPattern(!isPattern);
          find("typing", { text, isCaseSensitive, isPattern: !isPattern });
        }}
      >
        .*
      </button>
      <IconButton icon="chevronUp" label="Previous match (Shift+Enter)" onClick={() => find("previous")} />
      <IconButton icon="chevronDown" label="Next match (Enter)" onClick={() => find("next")} />
      <IconButton icon="close" label="End the search (Escape)" onClick={onClose} />
    </search>
  );
}
