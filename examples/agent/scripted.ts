import type { LanguageModel } from "ai";
import { MockLanguageModelV4 } from "ai/test";

/** A call of a tool, and what the model was told of it. */
export type Call = readonly [tool: string, input: unknown];
export interface Told {
  readonly text: string;
  readonly isError: boolean;
}

/** Asks for calls, is told their results, and ends with its last words. */
export type Script = Generator<readonly Call[], string, readonly Told[]>;

/** A script that takes the part of a model: it sees what a model would see, and nothing else. */
export function scriptedModel(script: Script): LanguageModel {
  let calls = 0;
  return new MockLanguageModelV4({
    modelId: "script",
    doGenerate: async ({ prompt }) => {
      const last = prompt.at(-1);
      const told =
        last?.role === "tool"
          ? last.content.flatMap((part) => (part.type === "tool-result" ? [part] : []))
          : [];
      const next = script.next(
        told.map(({ output }) => ({
          text:
            output.type === "text" || output.type === "error-text" ? output.value : JSON.stringify(output),
          isError: output.type === "error-text",
        })),
      );
      return {
        content:
          next.done === true
            ? [{ type: "text", text: next.value }]
            : next.value.map(([toolName, input]) => ({
                type: "tool-call" as const,
                toolCallId: `call-${++calls}`,
                toolName,
                input: JSON.stringify(input),
              })),
        finishReason: { unified: next.done === true ? "stop" : "tool-calls", raw: undefined },
        usage: {
          inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
          outputTokens: { total: 0, text: 0, reasoning: 0 },
        },
        warnings: [],
      };
    },
  });
}
