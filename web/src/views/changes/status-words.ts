interface StatusWord {
  readonly letter: string;
  readonly word: string;
  readonly tone: "good" | "warn" | "bad" | "accent" | "soft";
}

const WORDS: Readonly<Record<string, StatusWord>> = {
  added: { letter: "A", word: "added", tone: "good" },
  modified: { letter: "M", word: "modified", tone: "accent" },
  deleted: { letter: "D", word: "deleted", tone: "bad" },
  renamed: { letter: "R", word: "renamed", tone: "accent" },
  copied: { letter: "C", word: "copied", tone: "accent" },
  type_changed: { letter: "T", word: "another type", tone: "warn" },
  untracked: { letter: "U", word: "untracked", tone: "good" },
  conflicted: { letter: "!", word: "in conflict", tone: "bad" },
};

/** How a file's state is told: a letter, and the word for it. */
export function statusWord(status: string): StatusWord {
  return WORDS[status] ?? { letter: "?", word: status, tone: "soft" };
}
