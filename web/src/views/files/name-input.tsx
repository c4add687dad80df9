import { useEffect, useRef, useState } from "react";
import type { Naming } from "./file-tree.tsx";
import css from "./files.module.css";
import { nameOf } from "./paths.ts";

interface NameInputProps {
  readonly naming: Naming | undefined;
  /** undefined: it was given up. */
  readonly onNamed: (name: string | undefined) => void;
}

const LABELS: Readonly<Record<Naming["kind"], string>> = {
  file: "Name of the new file",
  directory: "Name of the new directory",
  rename: "New name, or a path to move it",
};

/** A name where it will stand: Enter takes it, Escape and leaving give it up. */
export function NameInput({ naming, onNamed }: NameInputProps) {
  const before = naming?.kind === "rename" ? nameOf(naming.path) : "";
  const [name, setName] = useState(before);
  const input = useRef<HTMLInputElement>(null);
  const isOver = useRef(false);
  useEffect(() => {
    const field = input.current;
    field?.focus();
    const dot = before.lastIndexOf(".");
    field?.setSelectionRange(0, dot > 0 ? dot : before.length);
  }, [before]);
  const end = (result: string | undefined) => {
    if (isOver.current) return;
    isOver.current = true;
    onNamed(result);
  };
  if (naming === undefined) return null;
  return (
    <input
      ref={input}
      className={css.nameInput}
      aria-label={LABELS[naming.kind]}
      title={LABELS[naming.kind]}
      spellCheck={false}
      autoCapitalize="off"
      autoComplete="off"
      value={name}
      onChange={({ target }) => setName(target.value)}
      onBlur={() => end(undefined)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") end(name.trim() === "" || name === before ? undefined : name);
        if (event.key === "Escape") end(undefined);
      }}
    />
  );
}
