import { randomUUID } from "node:crypto";
import * as z from "zod";
import { type BerthError, berthError, toBerthError } from "../contract/errors.ts";
import { HELD_SECRETS } from "../contract/mask.ts";
import { shorten } from "./cut.ts";
import { askBefore, type ToolCall, tellAfter } from "./hooks.ts";
import { formOf, mended } from "./repair.ts";
import { toldError } from "./told.ts";
import type { Tool, ToolCallOptions, ToolContent, ToolContext, ToolName, ToolResult } from "./tool.ts";

/** A call under way. */
export interface RunningCall {
  readonly id: string;
  /** Aborted by the caller, or as the tools are closed. */
  readonly signal: AbortSignal;
  readonly onOutput: ((text: string) => void) | undefined;
}

/** What a call that did not fail came to. */
export interface Done<Output> {
  readonly output: Output;
  /** For the model, within the limits. */
  readonly content: string | readonly ToolContent[];
}

/** What a tool is, and what it does with input that was checked. */
export interface ToolDefinition<Input, Output> {
  readonly name: ToolName;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  readonly readOnly: boolean;
  readonly destructive: boolean;
  /** What it throws becomes the result. */
  run(input: Input, call: RunningCall): Promise<Done<Output>>;
}

/** Ends with the tools: the calls under way. */
export interface CallScope {
  readonly signal: AbortSignal;
  /** Settles with `call`, and is waited for by the end of the tools. */
  track<T>(call: Promise<T>): Promise<T>;
}

/** A tool around its definition: input that is checked, hooks, and results that are masked and never thrown. */
export function defineTool<Input, Output>(
  context: ToolContext,
  scope: CallScope,
  definition: ToolDefinition<Input, Output>,
): Tool<Input, Output> {
  const { name, title, description, input, output, readOnly, destructive } = definition;
  return {
    name,
    title,
    description,
    input,
    output,
    readOnly,
    destructive,
    call: (given, options = {}) => scope.track(runCall(context, scope, definition, given, options)),
  };
}

async function runCall<Input, Output>(
  context: ToolContext,
  scope: CallScope,
  definition: ToolDefinition<Input, Output>,
  given: unknown,
  options: ToolCallOptions,
): Promise<ToolResult<Output>> {
  const startedAt = performance.now();
  const id = options.callId ?? randomUUID();
  const signal =
    options.signal === undefined ? scope.signal : AbortSignal.any([options.signal, scope.signal]);
  let call: ToolCall | undefined;
  let result: ToolResult<Output>;
  try {
    signal.throwIfAborted();
    let input = checked(definition, given);
    call = { id, tool: definition.name, readOnly: definition.readOnly, input };
    const said = await askBefore(context.options.hooks, call, signal);
    if (said !== undefined && "refuse" in said) {
      throw berthError("tool.refused", { context: { reason: said.refuse } });
    }
    if (said !== undefined) {
      input = checked(definition, said.input);
      call = { ...call, input };
    }
    signal.throwIfAborted();
    result = shown(context, await definition.run(input, { id, signal, onOutput: options.onOutput }));
  } catch (error) {
    result = failed(context, errorOf(error, signal));
  }
  if (call === undefined) return result;
  try {
    const done = { call, result, durationMs: performance.now() - startedAt };
    const other = await tellAfter(context.options.hooks, done, signal);
    return other === undefined ? result : (maskedResult(context, other) as ToolResult<Output>);
  } catch (cause) {
    const message = "the call was made, but a hook behind it failed: its result is not known";
    return failed(context, berthError("tool.hook_failed", { message, cause }));
  }
}

/** @throws tool.input_invalid, with every field that is wrong */
function checked<Input>(
  definition: Pick<ToolDefinition<Input, unknown>, "name" | "input">,
  given: unknown,
): Input {
  const parsed = parsedInput(definition, given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  throw berthError("tool.input_invalid", {
    message: `the input does not fit ${definition.name}: ${problems.join("; ")}`,
    hint: `It takes ${formOf(definition.input)}`,
  });
}

function parsedInput<Input>(
  { name, input }: Pick<ToolDefinition<Input, unknown>, "name" | "input">,
  given: unknown,
): z.ZodSafeParseResult<Input> {
  try {
    return mended(name, input, withoutNulls(given));
  } catch (cause) {
    // The stack is used up: by what is in itself, or thousands of levels deep.
    if (!(cause instanceof RangeError)) throw cause;
    throw berthError("tool.input_invalid", {
      message: `the input does not fit ${name}: it is nested too deeply`,
      cause,
    });
  }
}

/** Some models give every field that there is, and null where they mean none; strict schemas make all of them do so. */
function withoutNulls(given: unknown): unknown {
  if (given === undefined || given === null) return {};
  return withoutNullFields(given);
}

function withoutNullFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNullFields);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNullFields(field)]));
}

function errorOf(error: unknown, signal: AbortSignal): BerthError {
  if (!signal.aborted) return toBerthError(error, "client");
  const { reason } = signal;
  return toBerthError(reason, "client").code === "internal"
    ? berthError("operation.aborted", { cause: reason })
    : toBerthError(reason, "client");
}

function shown<Output>(context: ToolContext, done: Done<Output>): ToolResult<Output> {
  const content: readonly ToolContent[] =
    typeof done.content === "string" ? [{ type: "text", text: done.content }] : done.content;
  return maskedResult(context, { isError: false, output: done.output, content });
}

/** The result of a call that failed: what happened, and what to do. */
export function failed(context: ToolContext, error: BerthError): ToolResult<never> {
  const told = toldError(context, error);
  const { message, hint } = told;
  const text = shorten(`${message} (${error.code})${hint === "" ? "" : `\n${hint}`}`, context.limits).text;
  return { isError: true, error: told, content: [{ type: "text", text }] };
}

/** The last step of every result: no secret is in it, unless what commands write is to be told as it is. */
function maskedResult<Output>(context: ToolContext, result: ToolResult<Output>): ToolResult<Output> {
  if (context.options.maskOutput === false) return result;
  return {
    ...result,
    ...(result.output === undefined ? {} : { output: HELD_SECRETS.value(result.output) }),
    content: result.content.map((part) =>
      part.type === "text" ? { ...part, text: context.mask(part.text) } : part,
    ),
  };
}

/** `fields` and no others: a field that is misspelt is told, not ignored. */
export function inputOf<Shape extends z.ZodRawShape>(fields: Shape) {
  return z.strictObject(fields);
}
