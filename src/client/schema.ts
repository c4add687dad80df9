// Written by npm run docs from the table of routes (src/api/): types in the shape that openapi-fetch reads. Do not edit.

interface ErrorAnswer {
  headers: { [name: string]: unknown };
  content: { "application/json": components["schemas"]["ErrorResponse"] };
}

export interface paths {
  "/v1/health": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["health"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/openapi.json": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["document"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/docs": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["docsPage"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/metrics": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["metrics"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/stats": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["stats"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/overview": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["overview"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/runtimes": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listRuntimes"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/runtimes/check": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["checkRuntime"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/runtimes/suggestions": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["suggestRuntimes"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/ssh/host-keys": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["trustHostKey"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/projects": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listProjects"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/projects/{project}/trust": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put: operations["trustProject"];
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listWorkspaces"];
    put?: never;
    post: operations["createWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["getWorkspace"];
    put?: never;
    post?: never;
    delete: operations["deleteWorkspace"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/init": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["initWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/fork": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["forkWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/rename": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["renameWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/stop": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["stopWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/start": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["startWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/pull": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["pullWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/push": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["pushWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/apply": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["applyWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/status": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["workspaceStatus"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/diff": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["workspaceDiff"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/changes": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["workspaceChanges"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/config": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["getConfig"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch: operations["setConfig"];
    trace?: never;
  };
  "/v1/workspaces/{workspace}/check": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["checkWorkspace"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/operations": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listOperations"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/operations/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["getOperation"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/operations/{id}/progress": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["followOperation"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/operations/{id}/cancel": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["cancelOperation"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/processes": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listProcesses"];
    put?: never;
    post: operations["startProcess"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/shells": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["startShell"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listAllProcesses"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/exec": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["exec"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["getProcess"];
    put?: never;
    post?: never;
    delete: operations["deleteProcess"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/output": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["processOutput"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/log": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["processLog"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/stdin": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["writeStdin"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/signal": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["signalProcess"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/kill": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["killProcess"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/resize": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["resizeProcess"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/detach": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["detachProcess"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/ready": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["waitReady"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/processes/{id}/attach": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["attach"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files/content": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["readFile"];
    put: operations["writeFile"];
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files/entries": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listDirectory"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files/stat": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["statFile"];
    put?: never;
    post: operations["statFiles"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files/directories": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["makeDirectory"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files/rename": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["renameFile"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post?: never;
    delete: operations["removeFile"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files/watch": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["watchFiles"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/files/archive": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["downloadArchive"];
    put: operations["uploadArchive"];
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/ports": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listPorts"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/forwards": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listForwards"];
    put?: never;
    post: operations["createForward"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/forwards/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post?: never;
    delete: operations["deleteForward"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/previews": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listPreviews"];
    put?: never;
    post: operations["createPreview"];
    delete: operations["deletePreview"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/events": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listEvents"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/events/export": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["exportEvents"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/events/verify": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["verifyEvents"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/events/head": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["eventHead"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/tokens": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listTokens"];
    put?: never;
    post: operations["createToken"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/tokens/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post?: never;
    delete: operations["deleteToken"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/sessions/codes": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post: operations["createSessionCode"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/sessions": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["listSessions"];
    put?: never;
    post: operations["createSession"];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/sessions/current": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["getCurrentSession"];
    put?: never;
    post?: never;
    delete: operations["endCurrentSession"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/sessions/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get?: never;
    put?: never;
    post?: never;
    delete: operations["deleteSession"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/wire": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["wire"];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/v1/workspaces/{workspace}/mcp": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: operations["mcpStream"];
    put?: never;
    post: operations["mcpMessage"];
    delete: operations["mcpEnd"];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}

export interface components {
  schemas: {
    AttachClientMessage:
      | { type: "resize"; columns: number; rows: number }
      | {
          type: "signal";

          /** HUP INT QUIT ABRT USR1 USR2 TERM WINCH. */
          name: string;
        }
      | { type: "stdin_eof" }
      | {
          /** No output until `resume`, for who can't stop reading a socket; viewers may, too. */
          type: "pause";
        }
      | { type: "resume" };
    AttachServerMessage:
      | {
          /** First. */
          type: "attached";
          process_id: string;
          role: "writer" | "viewer";

          /** Where the bytes that follow begin. */
          cursor: number;

          /** tail: `from` was negative and counted from the end. */
          mode: "exact" | "tail";
          tty: { columns: number; rows: number } | null;
        }
      | {
          type: "gap";
          from: number;

          /** Exclusive; the bytes until there are gone. */
          to: number;
        }
      | {
          /** Strictly last, behind every byte; then the socket closes with 1000. */
          type: "exit";

          /** null after death by signal. */
          exit_code: number | null;
          signal: string | null;
          timed_out: boolean;
          duration_ms: number;

          /** What a process of a command that timed out was waiting for, where that could be seen. */
          waiting: {
            pid: number;

            /** Name of its program. */
            command: string;
            reason: "terminal" | "stdin" | "lock" | "stopped" | "connections" | "network" | "timer" | "cpu";
          } | null;
          cursor: number;
        }
      | {
          type: "error";

          /** The socket closes behind it. */
          fatal: boolean;
          error: components["schemas"]["Error"];
        }
      | {
          /** The writer has given the terminal another size. */
          type: "resized";
          columns: number;
          rows: number;
        }
      | {
          /** Another one is the writer; this client is a viewer from now on. */
          type: "taken_over";
        };
    CheckEvent:
      | {
          type: "started";

          /** Of the step that begins. */
          name: string;
        }
      | { type: "step"; step: components["schemas"]["CheckStep"] }
      | { type: "end"; report: components["schemas"]["CheckReport"] };
    CheckReport: { ok: boolean; runtime: string; steps: components["schemas"]["CheckStep"][] };
    CheckStep: {
      name: string;
      ok: boolean;
      duration_ms: number;
      detail: string;

      /** Of a step that failed. */
      code?: string;

      /** What to do; also advice for a step that is ok. */
      hint?: string;

      /** Of the error of a step that failed: of ssh.host_key_unknown `host`, `fingerprint` and `keyType`. */
      context?: { [name: string]: string | number | boolean | null | string[] };
    };
    DeleteReport: {
      workspace: components["schemas"]["Workspace"];
      removed: string[];
      kept: { what: string; reason: string }[];
    };
    DirectoryEntry: {
      name: string;
      type: "file" | "directory" | "symlink" | "fifo" | "socket" | "block" | "character";
    };

    /** docs/errors.md lists the codes. */
    Error: {
      code: string;
      message: string;
      hint: string;
      retryable: boolean;
      hop?: "client" | "runner" | "transport" | "berthd";
      runtime?: string;
      context?: { [name: string]: string | number | boolean | null | string[] };
    };
    ErrorResponse: {
      error: {
        code: string;
        message: string;
        hint: string;
        retryable: boolean;
        hop?: "client" | "runner" | "transport" | "berthd";
        runtime?: string;
        context?: { [name: string]: string | number | boolean | null | string[] };
        request_id: string;
      };
    };

    /** docs/events.md describes them. */
    Event: {
      sequence: number;
      time: string;
      type: string;
      message: string;
      runtime?: string;
      workspace?: string;
      process_id?: string;

      /** Of what a daemon tells: its boot id and number. */
      source?: string;
      cause?: string;
      actor?: string;
      data?: { [name: string]: unknown };

      /** Of the chain, 64 hex digits. */
      hash: string;
    };
    EventHead: {
      sequence: number;
      hash: string;
      signature: { algorithm: "ed25519"; public_key: string; value: string; signed_at: string } | null;
    };
    EventVerification: {
      ok: boolean;
      records: number;
      first_sequence: number | null;
      head: { sequence: number; hash: string };

      /** The first record that is not as it was written. */
      broken: {
        sequence: number;
        damage: "changed" | "missing" | "inserted" | "reordered" | "cut" | "rewritten" | "signature";
        reason: string;
      } | null;

      /** The newest stored signed head that the chain agrees with. */
      signed: { sequence: number; hash: string; signed_at: string } | null;
      duration_ms: number;
    };
    ExecResult: {
      /** null after death by signal. */
      exit_code: number | null;
      signal: string | null;
      timed_out: boolean;
      duration_ms: number;

      /** What a process of a command that timed out was waiting for, where that could be seen. */
      waiting: {
        pid: number;

        /** Name of its program. */
        command: string;
        reason: "terminal" | "stdin" | "lock" | "stopped" | "connections" | "network" | "timer" | "cpu";
      } | null;
      encoding: "text" | "base64";
      stdout: string;
      stderr: string;

      /** Written in all, also what was not captured. */
      output_bytes: number;
      truncated: boolean;
      process_id: string;

      /** Absolute path in the place, of what `keep_output` keeps. */
      output_file: string | null;

      /** The file ends at this cursor, though the output went on. */
      output_file_cut: { at: number; reason: "limit" | "disk" } | null;
    };
    ExitStatus: {
      /** null after death by signal. */
      exit_code: number | null;
      signal: string | null;
      timed_out: boolean;
      duration_ms: number;

      /** What a process of a command that timed out was waiting for, where that could be seen. */
      waiting: {
        pid: number;

        /** Name of its program. */
        command: string;
        reason: "terminal" | "stdin" | "lock" | "stopped" | "connections" | "network" | "timer" | "cpu";
      } | null;
    };
    FileStat: {
      type: "file" | "directory" | "symlink" | "fifo" | "socket" | "block" | "character";
      size: number;

      /** Permission bits. */
      mode: number;
      mtime_ms: number;
      uid: number;
      gid: number;
      inode: number;
      links: number;
      symlink_target: string | null;
    };

    /** A port of the runner's machine that leads into the place. */
    Forward: {
      /** "fwd_…" */
      id: string;

      /** Id of the workspace. */
      workspace: string;
      local_host: string;
      local_port: number;
      remote_host: string | null;
      remote_port: number;

      /** Open now. */
      connections: number;
      connections_total: number;

      /** Into the place. */
      bytes_in: number;
      bytes_out: number;
      created_at: string;
    };
    Health: {
      status: "ok" | "stopping";
      version: string;

      /** Differs after every start. */
      instance_id: string;
    };
    HostKey: {
      host: string;
      key_type: string;
      fingerprint: string;

      /** The known_hosts file that has it. */
      file: string;

      /** false: it was there already. */
      added: boolean;
    };
    InitResult: {
      started_at: string;
      ended_at: string;

      /** null: there was no hook to run. */
      exit: components["schemas"]["ExitStatus"] | null;
      output: string;
      skipped?: "untrusted";
    };
    ListeningPort: {
      port: number;

      /** Address that it listens at: 127.0.0.1, 0.0.0.0, ::1, ::. */
      host: string;

      /** The process of Berth whose it is; null: another one's, or not known. */
      process_id: string | null;

      /** Name of the program; null where it may not be seen. */
      command: string | null;
    };

    /** One message of JSON-RPC 2.0, as the Model Context Protocol has them. */
    McpMessage: { jsonrpc: "2.0"; id?: string | number; method?: string; [name: string]: unknown };

    /** Something that takes a while; kept for a day after its end. */
    Operation: {
      /** "op_…" */
      id: string;
      kind: "create" | "init" | "fork" | "rename" | "stop" | "start" | "delete" | "pull" | "push" | "apply";

      /** interrupted: the runner ended before it; the error says how to go on. */
      state: "running" | "succeeded" | "failed" | "cancelled" | "interrupted";

      /** Id of the workspace, once it has one. */
      workspace: string | null;
      workspace_name: string;
      created_at: string;
      ended_at: string | null;

      /** The newest step. */
      progress: components["schemas"]["OperationProgress"] | null;
      result: components["schemas"]["OperationResult"] | null;
      error: components["schemas"]["Error"] | null;
    };
    OperationEvent:
      | { type: "progress"; progress: components["schemas"]["OperationProgress"] }
      | {
          type: "output";
          stream: "stdout" | "stderr";

          /** Of the set-up hook. */
          text: string;
        }
      | { type: "end"; operation: components["schemas"]["Operation"] };
    OperationProgress: { step: string; message: string; bytes_done?: number; bytes_total?: number };
    OperationResult: {
      /** Of create, fork, rename, stop and start. */
      workspace?: components["schemas"]["Workspace"];

      /** Of init. */
      init?: components["schemas"]["InitResult"];

      /** Of delete. */
      deletion?: components["schemas"]["DeleteReport"];

      /** Of pull and push. */
      transfer?: components["schemas"]["PullReport"];

      /** Of apply: the files that it changes. */
      files?: string[];
    };
    OutputChunk:
      | {
          type: "data";
          stream: "stdout" | "stderr" | "tty";
          data: string;

          /** Output bytes since the start, this chunk included. */
          cursor: number;
        }
      | {
          type: "gap";
          from: number;

          /** Exclusive. */
          to: number;
        };
    Overview: {
      runner: {
        version: string;
        instance_id: string;
        pid: number;
        started_at: string;
        memory_bytes: number;

        /** Processor time since the start. */
        cpu_seconds: number;

        /** How late the event loop was since the last look, at most 1 % later. */
        event_loop_delay_ms: number;

        /** null where the system does not say. */
        open_descriptors: number | null;
      };

      /** One a workspace. */
      places: {
        /** Id of the workspace. */
        workspace: string;
        state: "idle" | "connecting" | "connected" | "waiting" | "down";
        error: components["schemas"]["Error"] | null;

        /** Until the next attempt. */
        retry_in_ms: number | null;
        since: string;

        /** Of the workspace. */
        name: string;
        project: string;

        /** Its type. */
        runtime: string;
        workspace_state: string;

        /** Processes that run; null while it is not connected. */
        running: number | null;

        /** Time of the newest event of the workspace that is kept. */
        last_event_at: string | null;
      }[];

      /** Number by state. */
      workspaces: { [name: string]: number };

      /** Number by state, in places that are connected. */
      processes: { [name: string]: number };
      attach_sessions: { writers: number; viewers: number };
      clients: {
        /** Clients of the wire protocol: the command line, and the runtime remote. */
        wire: number;

        /** Of server-sent events and logs. */
        streams: number;
      };
      requests: {
        total: number;
        refused: number;
        running: number;

        /** Of the newest 1,000 calls. */
        p50_ms: number;
        p99_ms: number;
      };
      bytes: { in: number; out: number };
      events: {
        sequence: number;

        /** How long an event takes to be on the disk. */
        lag_ms: number;
      };
    };
    Preview: {
      /** Id of the workspace. */
      workspace: string;
      port: number;

      /** The address; a browser needs the cookie that `open_url` sets. */
      url: string;

      /** Opens it once; told only to who makes it. */
      open_url: string | null;

      /** Of `open_url`. */
      expires_at: string | null;
      created_at: string;
    };

    /** Holds no environment values and no output. */
    Process: {
      id: string;
      name: string | null;

      /** Id of the workspace that it is in. */
      workspace: string;
      command: string[];
      cwd: string;
      user: string | null;
      pid: number | null;
      state: "running" | "exited" | "lost";
      tty: components["schemas"]["TtySize"] | null;

      /** Sizes that the terminal had, each from its cursor on; not in lists. As it was is how its output is read. */
      tty_sizes?: { cursor: number; columns: number; rows: number }[];
      detached: boolean;
      started_at: string;
      ended_at: string | null;
      exit: components["schemas"]["ExitStatus"] | null;

      /** Cursor of the first byte that is still held. */
      output_start: number;

      /** Cursor of the log's end. */
      output_end: number;

      /** Children of the ended command live on. */
      has_orphans: boolean;

      /** Absolute path in the place, of what `keep_output` keeps. */
      output_file: string | null;

      /** The file ends at this cursor, though the output went on. */
      output_file_cut: { at: number; reason: "limit" | "disk" } | null;
    };
    ProcessOutput: {
      chunks: components["schemas"]["OutputChunk"][];
      encoding: "text" | "base64";

      /** `from` of the next call. */
      cursor: number;

      /** Once it has ended and everything before has been read. */
      exit: components["schemas"]["ExitStatus"] | null;
    };

    /** A git repository on the runner's machine. */
    Project: { id: string; name: string; path: string; trusted: boolean };
    PullReport: {
      branch: string;
      from: string | null;
      to: string;
      commits: number;
      bytes: number;
      ref: string;
    };

    /** Fields and meanings are those of berth.yaml. */
    RuntimeConfig: { type: string; [name: string]: unknown };
    RuntimeKind: {
      type: string;
      available: boolean;

      /** Version, or why it is not available. */
      detail: string;
      hint: string | null;
    };

    /** At most 500 of each. */
    RuntimeSuggestions: {
      /** Aliases of the ssh configuration of who runs the runner. */
      ssh_hosts: {
        /** What `ssh` and `ssh://` take. */
        name: string;

        /** null where the configuration does not say. */
        hostname: string | null;
        user: string | null;
        port: number | null;
      }[];

      /** Those of others; Berth's own are left out. */
      docker_containers: {
        id: string;
        name: string;
        image: string;

        /** "running", … */
        state: string;
      }[];
      docker_images: { reference: string; bytes: number; created_at: string }[];

      /** Why the engine was not asked, or did not answer in time. */
      docker_error: components["schemas"]["Error"] | null;

      /** Of the project's berth.yaml. */
      named: { name: string; type: string }[];

      /** What is wrong with that file. */
      named_error: components["schemas"]["Error"] | null;
    };

    /** A browser that is signed in. */
    Session: {
      /** "ses_…" */
      id: string;

      /** Token that it was made with: its scope and workspaces are the session's. */
      token_id: string;
      token_name: string;

      /** What the browser calls itself. */
      user_agent: string | null;
      created_at: string;
      last_used_at: string;

      /** 30 days from its last use, at most 90 from the sign-in, and with its token. */
      expires_at: string;

      /** Whether this call is made by it. */
      current: boolean;
    };

    /** Kept in this state directory and sent nowhere. */
    Stats: {
      since: string | null;

      /** Workspaces there are now, by type of runtime. */
      workspaces: { [name: string]: number };

      /** How often a type of runtime was selected. */
      selections: { [name: string]: number };

      /** Workspaces made in all, by type of runtime. */
      creations: { [name: string]: number };
    };

    /** Never holds the token itself. */
    Token: {
      /** "tok_…" */
      id: string;
      name: string;
      scope: "read" | "operate" | "admin";

      /** Ids that it is limited to; null: all. */
      workspaces: string[] | null;
      created_at: string;
      expires_at: string | null;
      last_used_at: string | null;
    };
    TtySize: { columns: number; rows: number };
    WatchEvent:
      | {
          /** Changes from now on are told. */
          type: "ready";

          /** What is watched, as the paths that are told begin. */
          path: string;
        }
      | {
          type: "create" | "change" | "remove";
          path: string;
          inode?: number;
          file_type?: "file" | "directory" | "symlink" | "fifo" | "socket" | "block" | "character";
        }
      | {
          /** Events may have been lost: look at everything again. */
          type: "rescan";
          path: string;
        };
    Workspace: {
      id: string;
      name: string;
      project: components["schemas"]["Project"];
      branch: string;
      start_commit: string | null;
      state: "creating" | "initializing" | "ready" | "init_failed" | "stopped" | "deleting";
      runtime: components["schemas"]["RuntimeConfig"];
      place: { path: string; base: string | null; container?: string; volume?: string } | null;
      owns_checkout: boolean;
      owns_branch: boolean;
      init: components["schemas"]["InitResult"] | null;
      forked_from: string | null;
      operation: {
        kind: "create" | "init" | "fork" | "rename" | "delete" | "stop" | "start" | "config";
        started_at: string;
        pid: number;
        alive: boolean;
      } | null;
      created_at: string;
      updated_at: string;
    };

    /** What a workspace has that a commit has not. */
    WorkspaceChanges: {
      /** The commit that is compared with; null: there is none yet. */
      base: string | null;

      /** Sorted by path, at most 10,000. */
      files: {
        path: string;

        /** Of a renamed or copied one. */
        old_path: string | null;
        status:
          | "added"
          | "modified"
          | "deleted"
          | "renamed"
          | "copied"
          | "type_changed"
          | "untracked"
          | "conflicted";

        /** Lines; null of a binary file. */
        added: number | null;
        deleted: number | null;
        binary: boolean;
      }[];

      /** Lines of all files, also of those that are not listed. */
      added: number;
      deleted: number;

      /** There are more files than are listed. */
      truncated: boolean;
    };

    /** What is in a workspace, and what would be lost with it. */
    WorkspaceStatus: {
      branch: string | null;
      head: string | null;
      changed: string[];
      untracked: string[];
      stashes: string[];
      unpublished: { commit: string; subject: string }[];
      under_way: string | null;
      problem: string | null;
      ahead: number | null;
      behind: number | null;
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}

export interface operations {
  health: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Health"] };
      };
      default: ErrorAnswer;
    };
  };
  document: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": unknown } };
      default: ErrorAnswer;
    };
  };
  docsPage: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "text/html": unknown } };
      default: ErrorAnswer;
    };
  };
  metrics: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "text/plain": unknown } };
      default: ErrorAnswer;
    };
  };
  stats: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Stats"] };
      };
      default: ErrorAnswer;
    };
  };
  overview: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Overview"] };
      };
      default: ErrorAnswer;
    };
  };
  listRuntimes: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["RuntimeKind"][] } };
      };
      default: ErrorAnswer;
    };
  };
  checkRuntime: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: {
      content: {
        "application/json": {
          runtime: string | components["schemas"]["RuntimeConfig"];

          /** Id or directory: whose berth.yaml has the name. */
          project?: string;
        };
      };
    };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["CheckReport"]; "text/event-stream": string };
      };
      default: ErrorAnswer;
    };
  };
  suggestRuntimes: {
    parameters: {
      query?: {
        /** Id or directory. */
        project?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["RuntimeSuggestions"] };
      };
      default: ErrorAnswer;
    };
  };
  trustHostKey: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: {
      content: {
        "application/json": {
          runtime: string | components["schemas"]["RuntimeConfig"];

          /** Id or directory: whose berth.yaml has the name. */
          project?: string;

          /** As `host` of the error names it: its own, or one on the way, which the user's own known_hosts is for. */
          host?: string;

          /** Compared with the host's own by who asks. */
          fingerprint: string;
        };
      };
    };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["HostKey"] };
      };
      default: ErrorAnswer;
    };
  };
  listProjects: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Project"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  trustProject: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, or directory. */
        project: string;
      };
      cookie?: never;
    };
    requestBody: { content: { "application/json": { trusted: boolean } } };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Project"] };
      };
      default: ErrorAnswer;
    };
  };
  listWorkspaces: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;

        /** Id or directory of a project. */
        project?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Workspace"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  createWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          name: string;

          /** Id, or directory on the runner's machine. */
          project: string;

          /** Default: that of berth.yaml, else a worktree. */
          runtime?: string | components["schemas"]["RuntimeConfig"];
          branch?: string;

          /** What a new branch starts at. Default: trunk. */
          start?: string;

          /** Uncommitted changes of the project travel too. Default false. */
          changes?: boolean;

          /** A checkout that is in the place already. */
          existing?: string;

          /** The project's hooks may run from now on; needs the scope admin. */
          trust?: boolean;
          skip_init?: boolean;

          /** Wait so long for a host that does not let in now and may soon. Default 30,000. */
          max_wait_ms?: number;
        };
      };
    };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  getWorkspace: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Workspace"] };
      };
      default: ErrorAnswer;
    };
  };
  deleteWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;

        /** Also when work would be lost. */
        force?: boolean;
        keep_branch?: boolean;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  initWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  forkWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          name: string;
          branch?: string;

          /** Default: that of the workspace. */
          runtime?: string | components["schemas"]["RuntimeConfig"];

          /** Uncommitted state travels too. Default true. */
          changes?: boolean;
          skip_init?: boolean;

          /** Wait so long for a host that does not let in now and may soon. Default 30,000. */
          max_wait_ms?: number;
        };
      };
    };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  renameWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: { content: { "application/json": { name: string } } };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  stopWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  startWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  pullWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  pushWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: { content: { "application/json": { branch?: string } } };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  applyWorkspace: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: { content: { "application/json": { dry_run?: boolean } } };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      202: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  workspaceStatus: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["WorkspaceStatus"] };
      };
      default: ErrorAnswer;
    };
  };
  workspaceDiff: {
    parameters: {
      query?: {
        /** "trunk", "head", or a commit. */
        base?: string;
        format?: "patch" | "stat" | "name-status";

        /** Only these. */
        path?: string[];
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "text/x-diff": unknown } };
      default: ErrorAnswer;
    };
  };
  workspaceChanges: {
    parameters: {
      query?: {
        /** "trunk", "head", or a commit. */
        base?: string;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["WorkspaceChanges"] };
      };
      default: ErrorAnswer;
    };
  };
  getConfig: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["RuntimeConfig"] };
      };
      default: ErrorAnswer;
    };
  };
  setConfig: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: { content: { "application/json": { [name: string]: unknown } } };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["RuntimeConfig"] };
      };
      default: ErrorAnswer;
    };
  };
  checkWorkspace: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["CheckReport"]; "text/event-stream": string };
      };
      default: ErrorAnswer;
    };
  };
  listOperations: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
        workspace?: string;

        /** interrupted: the runner ended before it; the error says how to go on. */
        state?: "running" | "succeeded" | "failed" | "cancelled" | "interrupted";
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Operation"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  getOperation: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: never;
      path: { id: string };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  followOperation: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "text/event-stream": string } };
      default: ErrorAnswer;
    };
  };
  cancelOperation: {
    parameters: {
      query?: {
        /** Wait so many milliseconds for the end before the answer. */
        wait_ms?: number;
      };
      header?: never;
      path: { id: string };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Operation"] };
      };
      default: ErrorAnswer;
    };
  };
  startProcess: {
    parameters: {
      query?: never;
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          /** An argv never meets a shell; a string runs in /bin/sh -c, or in `shell`. */
          command: string[] | string;

          /** Default: the workspace's directory. */
          cwd?: string;

          /** Added to the place's environment; null removes a variable. `{ secret }` is masked in every event, log, error and answer but the command's own output, until the runner ends. */
          env?: { [name: string]: string | null | { secret: string } };
          user?: string;

          /** Then TERM, `kill_grace_ms`, KILL. */
          timeout_ms?: number;

          /** Default 2,000. */
          kill_grace_ms?: number;
          shell?: string;

          /** merge: the same pipe as stdout. */
          stderr?: "separate" | "merge";
          drain_ms?: number;
          overflow?: "pause" | "drop";

          /** Default 256 MiB. */
          log_limit_bytes?: number;

          /** Output that is longer is also a file of the place: `output_file`. */
          keep_output?: { above_bytes: number };
          name?: string;

          /** Default ignore: /dev/null. */
          stdin?: "pipe" | "ignore";

          /** true is 80 × 24. */
          tty?: boolean | components["schemas"]["TtySize"];

          /** Runs until it ends; else it has a lease. Default false. */
          detached?: boolean;

          /** Default 30 minutes, with a tty 3 hours. */
          lease_ms?: number;
        };
      };
    };
    responses: {
      201: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Process"] };
      };
      default: ErrorAnswer;
    };
  };
  listProcesses: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
        state?: "running" | "exited" | "lost";
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Process"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  startShell: {
    parameters: {
      query?: never;
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          /** It reads the profile, as at a login. */
          login?: boolean;

          /** Default: the workspace's directory. */
          cwd?: string;

          /** Added to the place's environment; null removes a variable. `{ secret }` is masked in every event, log, error and answer but the command's own output, until the runner ends. */
          env?: { [name: string]: string | null | { secret: string } };
          user?: string;
          name?: string;

          /** Default 80 × 24. */
          tty?: components["schemas"]["TtySize"];

          /** Runs until it ends; else it has a lease. Default false. */
          detached?: boolean;

          /** Default 3 hours. */
          lease_ms?: number;
        };
      };
    };
    responses: {
      201: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Process"] };
      };
      default: ErrorAnswer;
    };
  };
  listAllProcesses: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
        state?: "running" | "exited" | "lost";
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: {
          "application/json": {
            items: components["schemas"]["Process"][];
            next: string | null;
            unavailable: { workspace: string; code: string; message: string }[];
          };
        };
      };
      default: ErrorAnswer;
    };
  };
  exec: {
    parameters: {
      query?: never;
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          /** An argv never meets a shell; a string runs in /bin/sh -c, or in `shell`. */
          command: string[] | string;

          /** Default: the workspace's directory. */
          cwd?: string;

          /** Added to the place's environment; null removes a variable. `{ secret }` is masked in every event, log, error and answer but the command's own output, until the runner ends. */
          env?: { [name: string]: string | null | { secret: string } };
          user?: string;

          /** Then TERM, `kill_grace_ms`, KILL. */
          timeout_ms?: number;

          /** Default 2,000. */
          kill_grace_ms?: number;
          shell?: string;

          /** merge: the same pipe as stdout. */
          stderr?: "separate" | "merge";
          drain_ms?: number;
          overflow?: "pause" | "drop";

          /** Default 256 MiB. */
          log_limit_bytes?: number;

          /** Output that is longer is also a file of the place: `output_file`. */
          keep_output?: { above_bytes: number };

          /** What it reads on stdin. Default: /dev/null. */
          input?: string;
          input_encoding?: "text" | "base64";
          encoding?: "text" | "base64";

          /** A stream; head and tail are kept. Default 1 MiB. */
          max_capture_bytes?: number;
        };
      };
    };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["ExecResult"] };
      };
      default: ErrorAnswer;
    };
  };
  getProcess: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Process"] };
      };
      default: ErrorAnswer;
    };
  };
  deleteProcess: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  processOutput: {
    parameters: {
      query?: {
        /** Cursor; negative counts from the end. */
        from?: number;
        limit_bytes?: number;

        /** Wait so long for something new. */
        wait_ms?: number;
        encoding?: "text" | "base64";
      };
      header?: never;
      path: { id: string };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["ProcessOutput"] };
      };
      default: ErrorAnswer;
    };
  };
  processLog: {
    parameters: {
      query?: {
        /** Cursor; negative counts from the end. */
        from?: number;

        /** Go on until the exit. */
        follow?: boolean;

        /** Only this one. Default: all. */
        stream?: "stdout" | "stderr" | "tty";
      };
      header?: never;
      path: { id: string };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/octet-stream": unknown } };
      default: ErrorAnswer;
    };
  };
  writeStdin: {
    parameters: {
      query?: {
        /** End of the input behind these bytes. */
        eof?: boolean;
      };
      header?: never;
      path: { id: string };
      cookie?: never;
    };
    requestBody: { content: { "application/octet-stream": unknown } };
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  signalProcess: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody: {
      content: {
        "application/json": {
          /** TERM or SIGTERM. */
          name: string;
        };
      };
    };
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  killProcess: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: {
      content: {
        "application/json": {
          /** Default TERM. */
          signal?: string;

          /** Then KILL. Default 2,000. */
          grace_ms?: number;
        };
      };
    };
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  resizeProcess: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody: { content: { "application/json": { columns: number; rows: number } } };
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  detachProcess: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  waitReady: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody: {
      content: {
        "application/json": {
          /** Accepts connections on 127.0.0.1 or ::1 of the place. */
          port?: number;

          /** Regular expression in the output, from its start. */
          output?: string;

          /** Path or URL that answers below 400; with `port`, or in it. */
          http?: string;
          timeout_ms?: number;
        };
      };
    };
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  attach: {
    parameters: {
      query?: {
        /** Cursor; negative counts from the end. Default: the first byte. */
        from?: number;

        /** A writer needs the scope operate. */
        role?: "writer" | "viewer";

        /** Take the writer's place when there is one. */
        takeover?: boolean;

        /** socket: behind the handshake, as a fatal AttachServerMessage; pages are not told answers of HTTP. */
        refusals?: "http" | "socket";
      };
      header?: never;
      path: { id: string };
      cookie?: never;
    };
    requestBody?: never;
    responses: { 101: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  readFile: {
    parameters: {
      query: {
        path: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;

        /** Also FIFOs, sockets and devices. */
        special?: boolean;

        /** As an attachment, which browsers save. */
        download?: boolean;
      };
      header?: {
        /** bytes=0-1023 */
        Range?: string;

        /** ETag that the caller has */
        "If-None-Match"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "*/*": unknown } };
      206: { headers: { [name: string]: unknown }; content: { "*/*": unknown } };
      304: { headers: { [name: string]: unknown }; content?: never };
      default: ErrorAnswer;
    };
  };
  writeFile: {
    parameters: {
      query: {
        path: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;

        /** Of a new file, as a number: 420 is 0644. */
        mode?: number;

        /** On the disk when it is answered. */
        durable?: boolean;
      };
      header?: {
        /** Only while its ETag is this one */
        "If-Match"?: string;

        /** *: only when it is not there */
        "If-None-Match"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: { content: { "application/octet-stream": unknown } };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { atomic: boolean; bytes: number; etag: string } };
      };
      default: ErrorAnswer;
    };
  };
  listDirectory: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
        path?: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: {
          "application/json": { items: components["schemas"]["DirectoryEntry"][]; next: string | null };
        };
      };
      default: ErrorAnswer;
    };
  };
  statFile: {
    parameters: {
      query: {
        path: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;

        /** false: of a symlink itself. */
        follow?: boolean;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["FileStat"] };
      };
      default: ErrorAnswer;
    };
  };
  statFiles: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          paths: string[];

          /** As whom. */
          user?: string;

          /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
          contained?: boolean;
        };
      };
    };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: (components["schemas"]["FileStat"] | null)[] } };
      };
      default: ErrorAnswer;
    };
  };
  makeDirectory: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          path: string;

          /** As whom. */
          user?: string;

          /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
          contained?: boolean;
          recursive?: boolean;

          /** Permission bits as a number: 420 is 0644. */
          mode?: number;
        };
      };
    };
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  renameFile: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          from: string;
          to: string;

          /** As whom. */
          user?: string;

          /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
          contained?: boolean;
        };
      };
    };
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  removeFile: {
    parameters: {
      query: {
        path: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;
        recursive?: boolean;

        /** Nothing there is a success. */
        force?: boolean;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  watchFiles: {
    parameters: {
      query?: {
        path?: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;
        recursive?: boolean;

        /** Glob patterns. */
        ignore?: string[];
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "text/event-stream": string } };
      default: ErrorAnswer;
    };
  };
  downloadArchive: {
    parameters: {
      query: {
        path: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/x-tar": unknown } };
      default: ErrorAnswer;
    };
  };
  uploadArchive: {
    parameters: {
      query: {
        path: string;

        /** As whom. */
        user?: string;

        /** Paths stay inside of the workdir, whatever links there are. Always so for tokens that are limited to workspaces, where the place can. */
        contained?: boolean;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: { content: { "application/x-tar": unknown } };
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { bytes: number; files: number } };
      };
      default: ErrorAnswer;
    };
  };
  listPorts: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["ListeningPort"][] } };
      };
      default: ErrorAnswer;
    };
  };
  createForward: {
    parameters: {
      query?: never;
      header?: {
        /** 1 to 255 visible ASCII characters; a repeat is answered as the first. */
        "Idempotency-Key"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          remote_port: number;

          /** 0: any free one. */
          local_port?: number;

          /** An address of loopback. */
          local_host?: string;

          /** Default: 127.0.0.1 of the place, then ::1. */
          remote_host?: string;
        };
      };
    };
    responses: {
      201: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Forward"] };
      };
      default: ErrorAnswer;
    };
  };
  listForwards: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Forward"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  deleteForward: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  createPreview: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        "application/json": {
          port: number;

          /** Where `open_url` leads. */
          path?: string;

          /** What the application gets as Host: localhost with its port, or the preview's own. */
          host?: "localhost" | "preview";
        };
      };
    };
    responses: {
      201: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["Preview"] };
      };
      default: ErrorAnswer;
    };
  };
  listPreviews: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
      };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Preview"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  deletePreview: {
    parameters: {
      query: { port: number };
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  listEvents: {
    parameters: {
      query?: {
        /** Id, name, or PROJECT/NAME. */
        workspace?: string;

        /** Id of a process. */
        process?: string;

        /** Dotted prefixes: "process" takes "process.started". */
        type?: string[];
        since?: string;
        until?: string;

        /** Only those behind this number. */
        after?: number;

        /** Only those before this number. */
        before?: number;
        order?: "oldest" | "newest";
        limit?: number;
      };
      header?: {
        /** Number of the last event that the caller has */
        "Last-Event-ID"?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: {
          "application/json": { items: components["schemas"]["Event"][]; next: number | null };
          "text/event-stream": string;
        };
      };
      default: ErrorAnswer;
    };
  };
  exportEvents: {
    parameters: { query?: { after?: number }; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/x-ndjson": unknown } };
      default: ErrorAnswer;
    };
  };
  verifyEvents: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["EventVerification"] };
      };
      default: ErrorAnswer;
    };
  };
  eventHead: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": components["schemas"]["EventHead"] };
      };
      default: ErrorAnswer;
    };
  };
  listTokens: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Token"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  createToken: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: {
      content: {
        "application/json": {
          name: string;
          scope: "read" | "operate" | "admin";

          /** Ids or names that it is limited to. Default: all. */
          workspaces?: string[];

          /** Default: never. */
          expires_in_ms?: number;
        };
      };
    };
    responses: {
      201: {
        headers: { [name: string]: unknown };
        content: { "application/json": { token: components["schemas"]["Token"]; secret: string } };
      };
      default: ErrorAnswer;
    };
  };
  deleteToken: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  createSessionCode: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      201: {
        headers: { [name: string]: unknown };
        content: {
          "application/json": {
            code: string;

            /** Page that signs in with it: the code is in the fragment, which no server is sent. */
            url: string;
            expires_at: string;
          };
        };
      };
      default: ErrorAnswer;
    };
  };
  createSession: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": { code: string } | { token: string } } };
    responses: {
      201: {
        headers: { [name: string]: unknown };
        content: { "application/json": { session: components["schemas"]["Session"]; key: string } };
      };
      default: ErrorAnswer;
    };
  };
  listSessions: {
    parameters: {
      query?: {
        /** Items at most. */
        limit?: number;

        /** `next` of the page before. */
        cursor?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: { "application/json": { items: components["schemas"]["Session"][]; next: string | null } };
      };
      default: ErrorAnswer;
    };
  };
  getCurrentSession: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: {
      200: {
        headers: { [name: string]: unknown };
        content: {
          "application/json": {
            token: components["schemas"]["Token"];
            session: components["schemas"]["Session"] | null;
          };
        };
      };
      default: ErrorAnswer;
    };
  };
  endCurrentSession: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  deleteSession: {
    parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
    requestBody?: never;
    responses: { 204: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  wire: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: { 101: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
  mcpMessage: {
    parameters: {
      query?: {
        /** Of revision 2026-07-28, which has no sessions: clients of a token that name different ones share nothing. */
        conversation?: string;
      };
      header?: {
        /** Of revisions before 2026-07-28: the session that the answer to `initialize` named. */
        "Mcp-Session-Id"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody: { content: { "application/json": components["schemas"]["McpMessage"] } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "*/*": unknown } };
      202: { headers: { [name: string]: unknown }; content?: never };
      default: ErrorAnswer;
    };
  };
  mcpStream: {
    parameters: {
      query?: never;
      header?: {
        /** Of revisions before 2026-07-28: the session that the answer to `initialize` named. */
        "Mcp-Session-Id"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "*/*": unknown } };
      default: ErrorAnswer;
    };
  };
  mcpEnd: {
    parameters: {
      query?: never;
      header?: {
        /** Of revisions before 2026-07-28: the session that the answer to `initialize` named. */
        "Mcp-Session-Id"?: string;
      };
      path: {
        /** Id, name, or PROJECT/NAME with the slash as %2F. */
        workspace: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: { 200: { headers: { [name: string]: unknown }; content?: never }; default: ErrorAnswer };
  };
}
