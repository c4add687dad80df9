import { generateText, isStepCount, type LanguageModel } from "ai";
import type { Tools } from "berth/tools";
import { type AiToolOutput, aiTools } from "berth/tools/ai-sdk";

export interface AgentOptions {
  readonly model: LanguageModel;
  readonly tools: Tools;
  readonly task: string;
  /** Told what happens, for people. */
  readonly print: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Lets a model work at a task until it has nothing more to do, and gives its last words. */
export async function runAgent({ model, tools, task, print, signal }: AgentOptions): Promise<string> {
  const result = await generateText({
    model,
    instructions:
      "You are a software engineer. Work at the task with the tools, and check by running that it is done. " +
      "Then say in a few words what you have done, and what you have not.",
    prompt: task,
    tools: aiTools(tools, { onOutput: print }),
    // An edit and a test of it, asked for together, run in that order.
    toolCallConcurrency: 1,
    stopWhen: isStepCount(50),
    ...(signal === undefined ? {} : { abortSignal: signal }),
    onToolExecutionStart: ({ toolCall: { toolName, input } }) =>
      print(`\n→ ${toolName} ${JSON.stringify(input)}\n`),
    onStepEnd: ({ toolResults }) => {
      for (const { output } of toolResults) {
        const { isError, content } = output as AiToolOutput;
        const text = content.map((part) => (part.type === "text" ? part.text : "(image)")).join("\n");
        print(`${isError ? "✗" : "✓"} ${text.split("\n").at(-1)}\n`);
      }
    },
  });
  if (result.finishReason === "tool-calls")
    throw new Error("the task took more steps than the agent may take");
  return result.text;
}

/** The model that the arguments and the environment name, or what has to be set. */
export function chosenModel(name: string | undefined, mock: () => LanguageModel): LanguageModel {
  if (name === "mock") return mock();
  if (process.env.AI_GATEWAY_API_KEY === undefined) {
    throw new Error(
      "There is no key for a model. Set AI_GATEWAY_API_KEY (and --model, such as anthropic/claude-sonnet-4.5), " +
        "put the model of a provider package into examples/agent/loop.ts, or use --model mock: a script in place of " +
        "a model, whose tools and results are real.",
    );
  }
  // A name is a model of the AI SDK's gateway.
  return name ?? "anthropic/claude-sonnet-4.5";
}
