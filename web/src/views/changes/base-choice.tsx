import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { Button } from "../../ui/button.tsx";
import css from "./changes.module.css";

interface BaseChoiceProps {
  /** "trunk", "head", or a commit. */
  readonly base: string;
  readonly onChange: (base: string) => void;
}

/** What the files are compared with. */
export function BaseChoice({ base, onChange }: BaseChoiceProps) {
  const id = useId();
  const isCommit = base !== "trunk" && base !== "head";
  const [isTyping, setTyping] = useState(isCommit);
  const [commit, setCommit] = useState(isCommit ? base : "");
  const input = useRef<HTMLInputElement>(null);
  const wasTyping = useRef(isTyping);
  useEffect(() => {
    if (isTyping && !wasTyping.current) input.current?.focus();
    wasTyping.current = isTyping;
  }, [isTyping]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (commit.trim() !== "") onChange(commit.trim());
  };
  return (
    <form className={css.base} onSubmit={submit}>
      <label htmlFor={id}>Compared with</label>
      <select
        id={id}
        value={isTyping ? "commit" : base}
        onChange={({ target: { value } }) => {
          setTyping(value === "commit");
          if (value !== "commit") onChange(value);
        }}
      >
        <option value="trunk">trunk</option>
        <option value="head">the last commit</option>
        <option value="commit">a commit…</option>
      </select>
      {isTyping && (
        <>
          <input
            ref={input}
            aria-label="Commit"
            placeholder="HEAD~3, a tag, a hash"
            spellCheck={false}
            autoCapitalize="off"
            autoComplete="off"
            value={commit}
            onChange={({ target }) => setCommit(target.value)}
          />
          <Button type="submit">Compare</Button>
        </>
      )}
    </form>
  );
}
