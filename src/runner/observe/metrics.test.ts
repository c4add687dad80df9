import assert from "node:assert/strict";
import { test } from "node:test";
import { METRICS, metricsTable } from "./metric-table.ts";
import { createMetrics } from "./metrics.ts";
import { parsePrometheus } from "./testing.ts";

test("every metric of the table is in the text, which Prometheus can read", async () => {
  const metrics = createMetrics();
  metrics.count("berth_requests_total", { route: "getWorkspace", status: "200" });
  metrics.observe("berth_request_seconds", 0.004, { route: "getWorkspace" });
  metrics.gauge("berth_attach_sessions", 3, { role: 'a "quoted"\n\\role' });
  const { families, samples } = parsePrometheus(await metrics.text());
  assert.deepEqual(
    [...families].sort(),
    Object.entries(METRICS)
      .map(([name, { kind }]) => [name, kind])
      .sort(),
  );
  const find = (name: string) => samples.filter((sample) => sample.name === name);
  assert.deepEqual(find("berth_requests_total"), [
    { name: "berth_requests_total", labels: { route: "getWorkspace", status: "200" }, value: 1 },
  ]);
  assert.deepEqual(find("berth_attach_sessions")[0]?.labels, { role: 'a "quoted"\n\\role' });
  assert.equal(find("berth_request_seconds_count")[0]?.value, 1);
  const below = find("berth_request_seconds_bucket").map(({ labels, value }) => `${labels.le} ${value}`);
  assert.ok(below.includes("0.002 0") && below.includes("0.005 1") && below.includes("+Inf 1"), below.join());
});

test("labels are bounded in number: what a stranger can make up is counted together", async () => {
  const metrics = createMetrics();
  for (let at = 0; at < 5_000; at += 1) {
    metrics.count("berth_requests_total", { route: `made-up-${at}`, status: "404" });
    metrics.gauge("berth_stream_clients", at, { route: `made-up-${at}` });
    metrics.observe("berth_request_seconds", 0.1, { route: `made-up-${at}` });
  }
  const { samples } = parsePrometheus(await metrics.text());
  const requests = samples.filter(({ name }) => name === "berth_requests_total");
  assert.ok(requests.length <= 251, `${requests.length} series`);
  assert.equal(
    requests.reduce((sum, { value }) => sum + value, 0),
    5_000,
    "none is lost",
  );
  assert.equal(requests.find(({ labels }) => labels.route === "other")?.value, 4_750);
  assert.ok(samples.filter(({ name }) => name === "berth_request_seconds_count").length <= 251);
});

test("labels that a metric does not have are left out, and nothing goes down", async () => {
  const metrics = createMetrics();
  const wrong = { role: "writer", workspace: "w1" };
  metrics.count("berth_attach_total", wrong);
  metrics.count("berth_attach_total", wrong, -5);
  metrics.count("berth_attach_total", wrong, Number.NaN);
  const { samples } = parsePrometheus(await metrics.text());
  const found = samples.filter(({ name }) => name === "berth_attach_total");
  assert.deepEqual(found, [{ name: "berth_attach_total", labels: { role: "writer" }, value: 1 }]);
  assert.equal(metrics.total("berth_attach_total", { role: "writer" }), 1);
});

test("gauges are set anew, and quantiles are those of the newest calls", async () => {
  const metrics = createMetrics();
  metrics.gauge("berth_places", 3, { state: "connected" });
  metrics.clear("berth_places");
  metrics.gauge("berth_places", 1, { state: "down" });
  const { samples } = parsePrometheus(await metrics.text());
  const places = samples.filter(({ name }) => name === "berth_places").map(({ labels }) => labels.state);
  assert.deepEqual(places, ["down"]);
  assert.equal(metrics.callMs(0.5), 0);
  for (let at = 1; at <= 2_000; at += 1) {
    metrics.observe("berth_request_seconds", at / 1000, { route: "a" });
  }
  assert.ok(Math.abs(metrics.callMs(0.5) - 1_500) < 5, `${metrics.callMs(0.5)}`);
  assert.ok(metrics.callMs(0.99) > 1_985);
});

test("the table of the docs has one line a metric", () => {
  assert.equal(metricsTable().trim().split("\n").length, Object.keys(METRICS).length + 2);
});
