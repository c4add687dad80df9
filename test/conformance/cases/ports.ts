import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Case, CaseContext } from "../case.ts";
import { noise, outputMatching, refused, sha256, waitFor } from "../kit.ts";

/** Prints the port it got and echoes one connection after the other, by what the place has: perl or busybox. */
function echoServer(host: string): string[] {
  const perl = [
    "use Socket qw(:all); $| = 1;",
    "my ($f, $a) = $ARGV[0] =~ /:/ ? (AF_INET6, pack_sockaddr_in6(0, inet_pton(AF_INET6, $ARGV[0])))",
    ": (AF_INET, pack_sockaddr_in(0, inet_aton($ARGV[0])));",
    "socket(S, $f, SOCK_STREAM, 0) or die; bind(S, $a) or die $!; listen(S, 20) or die;",
    "my ($p) = $f == AF_INET6 ? unpack_sockaddr_in6(getsockname(S)) : unpack_sockaddr_in(getsockname(S));",
    'print "port $p\\n"; $SIG{CHLD} = "IGNORE";',
    "while (accept(my $c, S)) { next if fork; close S; while (sysread($c, my $b, 65536)) {",
    "my $o = 0; while ($o < length $b) { my $n = syswrite($c, $b, length($b) - $o, $o); exit 1 unless $n; $o += $n } }",
    "shutdown($c, 1); exit 0 }",
  ].join(" ");
  const busybox = [
    // busybox has no way to ask for a free port: one after the other is tried.
    "port=$((20000 + $$ % 20000)); while :; do",
    "busybox nc -ll -p $port -e cat & pid=$!; sleep 0.2;",
    "if kill -0 $pid 2>/dev/null; then echo port $port; wait $pid; exit; fi; port=$((port + 1)); done",
  ].join(" ");
  const script = `if command -v perl >/dev/null; then exec perl -e '${perl}' "$1"; else ${busybox}; fi`;
  return ["sh", "-c", script, "sh", host];
}

/** Connects in the place to a port of it, sends its stdin and prints the answer. */
const CLIENT = `if command -v perl >/dev/null; then exec perl -e '
use Socket qw(:all); socket(S, AF_INET, SOCK_STREAM, 0) or die; connect(S, pack_sockaddr_in($ARGV[0], inet_aton("127.0.0.1"))) or die $!;
my $w = fork; if (!$w) { while (sysread(STDIN, my $b, 65536)) { syswrite(S, $b) } shutdown(S, 1); exit 0 }
while (sysread(S, my $b, 65536)) { syswrite(STDOUT, $b) } waitpid($w, 0)' "$1"; else exec busybox nc 127.0.0.1 "$1"; fi`;

async function serving({ runtime, defer }: CaseContext, host = "127.0.0.1"): Promise<number> {
  const process = await runtime.spawn(echoServer(host));
  defer(() => process.kill("SIGKILL"));
  return Number(/port (\d+)/.exec(await outputMatching(process, /port \d+\n/))?.[1]);
}

async function throughSocket(socket: Socket, bytes: Uint8Array): Promise<Buffer> {
  socket.end(bytes);
  return buffer(socket);
}

/** Port connections in both directions, and waiting for a process to be ready. */
export const PORTS: readonly Case[] = [
  {
    id: "ports.forward",
    title:
      "connections to the local port reach the port in the place, many at once, byte-exact, with half-close",
    needs: ["spawn", "forward"],
    run: async (context) => {
      const port = await serving(context);
      await using forward = await context.runtime.forward(port);
      assert.deepEqual([forward.remotePort, forward.localHost], [port, "127.0.0.1"]);
      await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const bytes = noise(index * 300_000 + 1);
          const answer = await throughSocket(connect(forward.localPort, "127.0.0.1"), bytes);
          assert.equal(sha256(answer), sha256(bytes));
        }),
      );
    },
  },
  {
    id: "ports.list",
    title: "what listens is listed with its address and its process, and not any more when it has ended",
    run: async ({ runtime, defer }) => {
      const ending = new AbortController();
      const server = runtime.exec(echoServer("127.0.0.1"), { signal: ending.signal });
      defer(() => ending.abort());
      const lines = server.lines()[Symbol.asyncIterator]();
      const { value: said } = await lines.next();
      const port = Number(/^port (\d+)$/.exec(String(said))?.[1]);
      assert.ok(port > 0, String(said));
      const listed = async () => (await runtime.ports()).filter((one) => one.port === port);
      const found = await waitFor("it is listed", async () => (await listed())[0]);
      // BusyBox's listens everywhere.
      assert.ok(["127.0.0.1", "0.0.0.0", "::"].includes(found.host), JSON.stringify(found));
      const { spawn } = runtime.capabilities;
      assert.equal(found.processId, spawn ? (await server.started).id : undefined);
      if (spawn) assert.match(found.command ?? "", /^(?:perl|busybox|nc)$/);
      const sorted = (await runtime.ports()).map((one) => one.port);
      assert.deepEqual(
        sorted,
        sorted.toSorted((a, b) => a - b),
      );
      ending.abort();
      await lines.next().catch(() => undefined);
      await waitFor("it is not listed any more", async () => (await listed()).length === 0);
      await refused(runtime.ports({ signal: AbortSignal.abort() }), "operation.aborted");
    },
  },
  {
    id: "ports.forward-ipv6",
    title: "a server on ::1 of the place is found without asking",
    needs: ["spawn", "forward"],
    only: ["ipv6"],
    run: async (context) => {
      const port = await serving(context, "::1");
      await using forward = await context.runtime.forward(port);
      const answer = await throughSocket(connect(forward.localPort, "127.0.0.1"), Buffer.from("over ::1"));
      assert.equal(answer.toString(), "over ::1");
    },
  },
  {
    id: "ports.nobody-listens",
    title: "a port on which nobody listens closes the connection and keeps the forward",
    needs: ["forward"],
    run: async ({ runtime }) => {
      await using forward = await runtime.forward(1);
      for (let turn = 0; turn < 2; turn++) {
        const socket = connect(forward.localPort, "127.0.0.1");
        // A reset is a refusal as well.
        socket.on("error", () => {});
        await new Promise((resolve) => socket.once("close", resolve));
        assert.equal(socket.bytesRead, 0);
      }
    },
  },
  {
    id: "ports.local-port",
    title: "the local port can be chosen; one in use or none at all is refused; disposal frees it",
    needs: ["forward"],
    run: async ({ runtime }) => {
      const first = await runtime.forward(2);
      await refused(runtime.forward(3, { localPort: first.localPort }), "port.in_use");
      await first[Symbol.asyncDispose]();
      await using again = await runtime.forward(3, { localPort: first.localPort });
      assert.equal(again.localPort, first.localPort);
      for (const port of [0, -1, 65_536, 1.5]) await refused(runtime.forward(port), "port.invalid");
    },
  },
  {
    id: "ports.reverse",
    title: "connections to a port in the place reach the local port",
    needs: ["reverseForward"],
    run: async ({ runtime, defer }) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      defer(() => server.close());
      const address = server.address();
      assert.ok(address !== null && typeof address === "object");
      await using reverse = await runtime.reverseForward(address.port);
      const bytes = noise(200_000);
      const seen = await runtime.exec(["sh", "-c", CLIENT, "sh", String(reverse.remotePort)], {
        input: bytes,
      });
      assert.equal(seen.stderr, "");
      assert.equal(sha256(seen.stdoutBytes), sha256(bytes));
      await refused(runtime.reverseForward(address.port, { remotePort: reverse.remotePort }), "port.in_use");
    },
  },
  {
    id: "ready.port",
    title: "ready waits for a port",
    needs: ["spawn", "forward"],
    run: async ({ runtime }) => {
      await using server = await runtime.spawn(echoServer("127.0.0.1"));
      const port = Number(/port (\d+)/.exec(await outputMatching(server, /port \d+\n/))?.[1]);
      await server.ready({ port });
      await using idle = await runtime.spawn(["sleep", "91"]);
      await refused(idle.ready({ port: 1, timeoutMs: 300 }), "process.ready_timeout");
    },
  },
  {
    id: "ready.output",
    title: "ready waits for a pattern in the output, from its first byte on",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn(
        "echo starting; sleep 0.2; printf 'rea'; sleep 0.1; echo dy; exec sleep 92",
      );
      await process.ready({ output: /ready/ });
      await process.ready({ output: /^starting$/m });
      await refused(process.ready({ output: /never/, timeoutMs: 300 }), "process.ready_timeout");
      await refused(
        process.ready({ output: /never/, signal: AbortSignal.timeout(200) }),
        "operation.aborted",
      );
    },
  },
  {
    id: "ready.ended",
    title: "a process that ends before it is ready is told",
    needs: ["spawn"],
    run: async ({ runtime }) => {
      await using process = await runtime.spawn("echo broken; exit 1");
      await refused(process.ready({ output: /ready/ }), "process.ended_before_ready");
      await using other = await runtime.spawn("sleep 0.2; exit 1");
      await refused(other.ready({ port: 1 }), "process.ended_before_ready");
    },
  },
  {
    id: "ready.http",
    title: "ready waits for a path that answers",
    needs: ["spawn", "forward"],
    run: async ({ runtime }) => {
      const perl =
        'use Socket; $|=1; socket(S,AF_INET,SOCK_STREAM,0); bind(S,pack_sockaddr_in(0,inet_aton("127.0.0.1"))); listen(S,5);' +
        'my ($p)=unpack_sockaddr_in(getsockname(S)); print "port $p\\n"; my $n=0; while(accept(C,S)){ sysread(C,my $r,4096);' +
        'my $s=++$n>2?"200 OK":"503 Busy"; syswrite(C,"HTTP/1.1 $s\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"); close C }';
      const busybox =
        "mkdir -p /tmp/www; echo ok > /tmp/www/health; port=$((40000 + $$ % 9000)); echo port $port; exec busybox httpd -f -p 127.0.0.1:$port -h /tmp/www";
      const script = `if command -v perl >/dev/null; then exec perl -e '${perl}'; else ${busybox}; fi`;
      await using server = await runtime.spawn(script);
      const port = Number(/port (\d+)/.exec(await outputMatching(server, /port \d+\n/))?.[1]);
      await server.ready({ http: "/health", port });
      await refused(
        server.ready({ http: `http://127.0.0.1:1/health`, timeoutMs: 300 }),
        "process.ready_timeout",
      );
    },
  },
];
