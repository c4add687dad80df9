import { berthError } from "../../contract/errors.ts";
import type { ConnectPrompt } from "../../contract/runtime.ts";
import type { SshConnector } from "./connect.ts";
import type { AskPerson } from "./target.ts";

/**
 * Keeps what a person has typed to get in, in the memory of this process, so that a connection that was lost, or a
 * further one, needs nobody at the keyboard. Passwords and passphrases only: a one-time code is of no use twice. What
 * did not let in is forgotten, and a person is asked in the same attempt.
 */
export function rememberingAnswers(connect: SshConnector): SshConnector {
  const kept = new Map<string, string>();
  return async (target, options) => {
    const used = new Map<string, string>();
    const ask: AskPerson = async (prompt) => {
      const name = nameOf(prompt);
      const known = name === undefined || used.has(name) ? undefined : kept.get(name);
      const answer = known ?? (await askPerson(prompt, options.onPrompt));
      if (name !== undefined && answer !== undefined) used.set(name, answer);
      return answer;
    };
    const canAnswer = options.onPrompt !== undefined || kept.size > 0;
    try {
      const chosen = await connect(target, canAnswer ? { ...options, onPrompt: ask } : options);
      for (const [name, answer] of used) kept.set(name, answer);
      return chosen;
    } catch (error) {
      // Of several that were used nobody knows which was wrong. An attempt that was cut off says nothing about them.
      if (!options.signal.aborted) for (const name of used.keys()) kept.delete(name);
      throw error;
    }
  };
}

/** Under which it is kept; undefined for what may be another the next time. */
function nameOf({ kind, subject, text, echo }: ConnectPrompt): string | undefined {
  if (kind !== "answer") return `${kind} ${subject}`;
  return !echo && /password/i.test(text) && !/one.?time|code|token|otp/i.test(text)
    ? `${kind} ${subject} ${text}`
    : undefined;
}

function askPerson(prompt: ConnectPrompt, onPrompt: AskPerson | undefined): Promise<string | undefined> {
  if (onPrompt !== undefined) return onPrompt(prompt);
  const { kind, subject } = prompt;
  throw kind === "passphrase"
    ? berthError("ssh.key_encrypted", { hop: "transport", context: { path: subject } })
    : berthError("ssh.auth_failed", {
        hop: "transport",
        message: `${subject} asks for what nobody is there to answer`,
        context: { host: subject, methods: "password" },
      });
}
