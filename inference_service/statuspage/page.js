"use strict";
const at = id => document.getElementById(id);
const words = text => (text || "").replace(/^(CREDENTIAL_STATE|BREAKER_STATE|STATE_BACKEND|FAILURE_CLASS)_/, "").toLowerCase().replaceAll("_", " ");
const title = d => d ? `${d.provider}/${d.model}` : "";
const because = reason => reason && !reason.endsWith("_UNSPECIFIED");
const seconds = text => text ? parseFloat(text) : 0;
const until = moment => Math.max(0, (Date.parse(moment) - Date.now()) / 1000);
const span = s => s >= 86400 ? `${Math.round(s / 86400)} d` : s >= 3600 ? `${Math.round(s / 3600)} h` : s >= 60 ? `${Math.round(s / 60)} min` : `${Math.round(s)} s`;
const brief = text => text ? (seconds(text) < 1 ? Math.round(seconds(text) * 1000) + " ms" : seconds(text).toFixed(2) + " s") : "–";
const tone = { ready: "good", closed: "good", cooldown: "warn", "half open": "warn", open: "bad", quarantine: "bad", benched: "bad" };
// What to do about a red or yellow word. Every sentence names the thing that it is about.
const advice = {
  quarantine: name => `${name.split(" ")[0]} was refused: replace it, then reload`,
  cooldown: () => "its limit is reached; it comes back by itself",
  open: () => "failed repeatedly; it is probed until it answers",
  "half open": () => "being probed now",
  benched: () => "the provider does not have this model any more: name another one",
};
function judged(text, state, name) {
  const td = cell(text, tone[state]);
  if (advice[state]) { const small = document.createElement("small"); small.className = "dim"; small.textContent = advice[state](name); td.classList.add("advice"); td.append(document.createElement("br"), small); }
  return td;
}
let token = "", last = null;

function cell(value, kind) { const td = document.createElement("td"); td.textContent = value; if (kind) td.className = kind; return td; }
function table(id, heads, rows, empty) {
  const body = document.createElement("tbody"), head = document.createElement("tr"), top = document.createElement("thead");
  heads.forEach((text, i) => { const th = document.createElement("th"); th.scope = "col"; th.textContent = text; th.className = rows[0]?.[i].className === "n" ? "n" : ""; head.append(th); });
  top.append(head);
  for (const row of rows) { const tr = document.createElement("tr"); tr.append(...row); body.append(tr); }
  if (!rows.length) { const td = cell(empty, "dim"); td.colSpan = heads.length; const tr = document.createElement("tr"); tr.append(td); body.append(tr); }
  at(id).replaceChildren(top, body);
}
const named = { REQUESTS: "requests", TOKENS: "tokens", PICTURES: "pictures", MONEY: "credit" };
const spans = { 1: "this second", 60: "this minute", 3600: "this hour", 86400: "today", 2592000: "this month" };
const count = (n, unit) => unit === "MONEY" ? (n / 1e6).toLocaleString("en", { minimumFractionDigits: 2 }) : Number(n).toLocaleString("en");
const moment = text => { const at = new Date(text), time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  return at.toDateString() === new Date().toDateString() ? time : at.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" }) + " " + time; };
function window_of(q) {
  const s = seconds(q.window), fixed = /WALL|PACIFIC/.test(q.clock);
  return fixed && spans[s] ? spans[s] : "in " + span(s);
}
function allowance(q) {
  const unit = q.unit.replace("QUOTA_UNIT_", "");
  if (unit === "CONCURRENT") return `${count(q.left)} of ${count(q.limit)} calls at once free`;
  const parts = [`${count(q.left, unit)} of ${count(q.limit, unit)} ${named[unit] || "units"} left ${window_of(q)}`];
  if (q.refills_at) parts.push(`refills ${moment(q.refills_at)}`);
  if (!Number(q.left)) parts.push("used up"); else if (q.runs_out_at) parts.push(`lasts until ${moment(q.runs_out_at)}`);
  return parts.join(" · ");
}
function gauge(q) {
  const td = document.createElement("td"), meter = document.createElement("meter");
  meter.max = Math.max(1, Number(q.limit)); meter.low = meter.max * 0.1; meter.high = meter.max * 0.3; meter.optimum = meter.max; meter.value = Number(q.left);
  meter.setAttribute("aria-label", allowance(q)); td.append(meter); return td;
}
function spark(numbers) {
  const most = Math.max(1, ...numbers), step = 600 / Math.max(1, numbers.length), parts = [];
  numbers.forEach((n, i) => { if (n) parts.push(`M${i * step} 50V${50 - 46 * n / most}h${step * 0.75}V50Z`); });
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", parts.join("")); path.setAttribute("fill", "var(--bar)"); at("spark").replaceChildren(path);
}
function show(s) {
  at("main").hidden = false; at("door").hidden = true;
  const state = s.draining ? "draining" : s.ready ? "ready" : "not ready";
  at("state").textContent = "● " + state; at("state").className = s.ready ? "good" : "bad";
  at("about").textContent = `version ${s.version} · up ${span(seconds(s.uptime))} · state in ${words(s.state_backend)}`;
  at("warnings").replaceChildren(...s.warnings.map(text => { const li = document.createElement("li"); li.textContent = text; return li; }));
  const hour = s.last_hour || {};
  const facts = [["running now", s.live_requests], ["requests, last hour", hour.requests || 0], ["failed", hour.failures || 0], ["tokens written", hour.completion_tokens || 0],
    ["first token, median", brief(hour.median_first_token)], ["first token, p95", brief(hour.p95_first_token)]];
  at("numbers").replaceChildren(...facts.map(([name, value]) => { const div = document.createElement("div"), b = document.createElement("b"); b.textContent = value; div.append(b, name); return div; }));
  spark(hour.requests_by_minute || []);
  const credentials = [], deployments = [];
  for (const p of s.providers) {
    for (const c of p.credentials) {
      const state = words(c.state), wakes = [c.wakes_at ? span(until(c.wakes_at)) : "", ...(c.model_limits || []).map(l => `${l.upstream_model}: ${span(until(l.wakes_at))}`)].filter(Boolean).join(", ");
      credentials.push([cell(p.name), cell(c.name), judged(state + (because(c.reason) ? ` (${words(c.reason)})` : ""), state, c.name), cell(wakes), cell(c.in_flight, "n"), cell(c.calls, "n"), cell(c.remaining_requests ?? "", "n")]);
    }
    for (const d of p.deployments) {
      const state = words(d.breaker);
      deployments.push([cell(title(d.deployment)), judged(state + (because(d.reason) ? ` (${words(d.reason)})` : ""), state, title(d.deployment)), cell(d.probe_at ? span(until(d.probe_at)) : ""), cell(d.attempts, "n"), cell(d.failures, "n"), cell(brief(d.median_first_token), "n")]);
    }
  }
  const quotas = s.providers.flatMap(p => (p.quotas || []).map(q => [cell(p.name), cell(q.upstream_model || "all"), gauge(q), cell(allowance(q), Number(q.left) ? q.runs_out_at ? "warn" : "" : "bad"), cell(q.declared ? "declared" : "learned", "dim")]));
  at("quotas").hidden = !quotas.length;
  table("left", ["provider", "model", "", "left", ""], quotas, "none");
  table("credentials", ["provider", "credential", "state", "ready in", "running", "calls", "left"], credentials, "none");
  table("deployments", ["deployment", "breaker", "probe in", "attempts", "failed", "first token"], deployments, "none");
  table("routes", ["model", "deployments", ""], s.routes.map(r => [cell(r.model), cell(r.deployments.map(title).join(" → ")), cell(r.available ? "available" : "not now", r.available ? "good" : "bad")]), "none");
  table("handovers", ["when", "from", "to", "reason", "kept"], s.recent_handovers.slice(0, 20).map(h => [cell(span((Date.now() - Date.parse(h.time)) / 1000) + " ago"), cell(title(h.from_deployment)), cell(title(h.to_deployment)), cell(words(h.reason)), cell(h.keep_chars + " characters", "n")]), "none yet");
}
function activity(a) {
  table("callers", ["caller", "requests", "failed", "refused by limits", "tokens"], a.callers.map(c => [cell(c.caller), ...[c.requests, c.failed, c.refused, c.tokens].map(n => cell(Number(n).toLocaleString("en"), "n"))]), "no requests yet");
  table("errors", ["when", "deployment", "failure", "HTTP"], a.errors.slice(0, 20).map(e => [cell(span(Date.now() / 1000 - e.at) + " ago"), cell(e.deployment), cell(words(e.failure), "bad"), cell(e.http_status || "", "n")]), "no errors");
}
const headers = more => ({ ...(token ? { Authorization: "Bearer " + token } : {}), ...more });
async function press(path, done) {
  const buttons = [at("probe"), at("reload")];
  buttons.forEach(b => { b.disabled = true; }); at("said").textContent = "…"; at("said").className = "";
  try {
    const answer = await fetch(path, { method: "POST", headers: headers({ "X-Antiphon-Button": "yes" }) });
    done(await answer.json());
  } catch { at("said").textContent = "That did not work: the service cannot be reached."; at("said").className = "bad"; }
  buttons.forEach(b => { b.disabled = false; });
}
at("reload").addEventListener("click", () => press("api/reload", r => {
  at("said").textContent = r.problems ? r.problems.join(" ") : r.changes.join(" ") || "Reloaded. Nothing has changed."; at("said").className = r.problems ? "bad" : "good"; look();
}));
at("probe").addEventListener("click", () => press("api/probe", r => {
  const bad = r.rows.filter(row => row.state !== "ok").length;
  at("said").textContent = bad ? `${bad} of ${r.rows.length} do not work` : `All ${r.rows.length} work`; at("said").className = bad ? "bad" : "good";
  at("probed").hidden = false;
  table("probes", ["provider", "credential", "state", "what to do"], r.rows.map(row => [cell(row.provider), cell(row.credential), cell(words(row.state), row.state === "ok" ? "good" : "bad"), cell(row.advice, "advice dim")]), "no credentials");
}));
async function look() {
  try {
    const answer = await fetch("api/status", { headers: headers() });
    if (answer.status === 401) {
      at("main").hidden = true; at("door").hidden = false; at("token").select();
      at("state").textContent = token ? "this is no operator's token" : "an operator's token is required"; at("state").className = "warn"; return;
    }
    last = await answer.json(); show(last);
    activity(await (await fetch("api/activity", { headers: headers() })).json());
  } catch { at("state").textContent = "● the service cannot be reached"; at("state").className = "bad"; }
}
at("door").addEventListener("submit", event => { event.preventDefault(); token = at("token").value.trim(); look(); });
look(); setInterval(() => { if (!document.hidden && at("door").hidden) look(); }, 2000);
