// Asks the master every few seconds, and shows what it says. Each part stands
// alone: a route that is not there, or refuses, says so in its place.
"use strict";

const kSince = {"1 hour": "1h", "1 day": "1d", "1 week": "7d"};
const seen = {status: null, races: null, stats: null, tune: null, metrics: null};
const errors = {};
const history = [];  // {at, races, others} of each status, for rates
const kHistory = 150;
let chosenSince = "1 day";
let chosenService = null;

const sum = (object) => Object.values(object || {}).reduce((a, b) => a + b, 0);

function showState(status) {
  const {paused, standing_down: down, why_not: why} = status.racing;
  const fit = status.slaves.filter((s) => s.fit).length;
  const [text, kind] = paused ? ["paused", "warn"] : down ? ["standing down", "bad"]
    : fit === 0 ? ["no slave is fit", "bad"] : ["racing", "good"];
  say("state", text);
  $("state").className = `badge ${kind}`;
  $("why").hidden = !why;
  say("why", why ? `No races: ${why}` : "");
  say("where", status.listen.join(", "));
  say("version", `${status.program} ${status.version}, up for ${since(status.uptime_s)}`);
  document.title = `flagfall · ${text}`;
}

function showTiles(status) {
  const others = sum(status.fallback);
  say("races", count(status.races));
  const last = history.at(-1), before = history.at(-6) || history[0];
  const seconds = last && before ? (last.at - before.at) / 1000 : 0;
  say("rate", seconds > 0 ? `${((last.races - before.races) / seconds).toFixed(1)} a second` : "");
  const fates = (name) => status.slaves.reduce((n, s) => n + s.outcomes[name], 0);
  const onTime = fates("sent"), late = fates("sent_late") + fates("dropped_late");
  say("ontime", onTime + late > 0 ? share(onTime / (onTime + late)) : "–");
  say("orders", `${count(late)} late, ${count(fates("refused") + fates("failed"))} refused or failed`);
  const all = status.races + others;
  say("fallback-share", all > 0 ? share(others / all) : "–");
  const [top] = Object.entries(status.fallback).sort((a, b) => b[1] - a[1]);
  say("fallback-top", top && top[1] > 0 ? `most: ${top[0]}` : "");
  const verdicts = status.verdicts;
  say("verdict-share", verdicts ? share(verdicts.share) : "–");
  say("verdicts", verdicts ? `${count(verdicts.judged)} of ${count(verdicts.finished)}` : "not learned");
  const fit = status.slaves.filter((s) => s.fit).length;
  say("slaves-fit", `${fit} of ${status.slaves.length}`);
  say("slaves-out", status.slaves.filter((s) => !s.fit).map((s) => s.name).join(", "));
  say("clock-bound", span(status.clock.bound_ms));
  say("clock-limit", `of ${span(status.clock.max_error_ms)} allowed`);
}

function slaveName(name) {
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  dot.setAttribute("class", "dot");
  dot.setAttribute("width", "10");
  dot.setAttribute("height", "10");
  const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [key, value] of [["cx", 5], ["cy", 5], ["r", 5], ["fill", colour(name)]]) circle.setAttribute(key, value);
  dot.append(circle);
  return [[dot, name]];
}

function showTables(status) {
  fill($("slaves"), [
    ["slave", "text", (s) => slaveName(s.name)],
    ["state", "text long", (s) => (s.fit ? ["races", "good"] : [s.why_not || "not fit", s.registered ? "warn" : "bad"])],
    ["on time", "", (s) => share(s.on_time_share)],
    ["orders", "", (s) => count(s.orders_sent)],
    ["late", "", (s) => count(s.outcomes.sent_late + s.outcomes.dropped_late)],
    ["refused", "", (s) => count(s.outcomes.refused + s.outcomes.failed)],
    ["way p50", "", (s) => span(s.one_way_ms.p50)],
    ["p99", "", (s) => span(s.one_way_ms.p99)],
    ["transmit p50", "", (s) => span(known(s.transmit_error_us.p50) ? s.transmit_error_us.p50 / 1000 : null)],
    ["p99", "", (s) => span(known(s.transmit_error_us.p99) ? s.transmit_error_us.p99 / 1000 : null)],
    ["round trip", "", (s) => span(s.round_trip_ms)],
    ["sessions", "", (s) => count(s.sessions)],
  ], status.slaves);
  fill($("services"), [
    ["service", "text", (s) => s.name],
    ["names", "text long", (s) => s.names.join(", ")],
    ["mode", "text", (s) => s.mode || "race"],
    ["delay", "", (s) => span(s.delay_ms)],
    ["set by", "text", (s) => (s.delay && s.delay.mode === "follow" ? "the network" : "the configuration")],
    ["late orders", "text", (s) => (s.late === "send" ? "sent" : "dropped")],
    ["fit", "", (s) => [`${s.fit.length} of ${s.slaves.length}`, s.fit.length === 0 ? "bad" : s.fit.length < s.slaves.length ? "warn" : ""]],
  ], status.services);
  const reasons = Object.entries(status.fallback).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  $("fallbacks").replaceChildren(...reasons.map(([name, n]) => {
    const item = make("li");
    item.append(make("b", "", count(n)), name.replaceAll("_", " "));
    return item;
  }));
  say("fallbacks-note", reasons.length ? "" : "Every query for a raced name was raced.");
}

// What the machine or the server's cgroup reports, and the checks that are not up.
function loadOf(slave) {
  const load = slave && slave.loads.length ? slave.loads.find((l) => l.name !== "machine") || slave.loads[0] : null;
  if (!load) return "–";
  const parts = [known(load.idle_cpu) ? `${share(1 - load.idle_cpu)} CPU` : "",
                 known(load.connections) ? `${count(load.connections)} connections` : "",
                 known(load.free_memory) ? `${(load.free_memory / 2 ** 30).toFixed(1)} GiB free` : ""];
  return parts.filter((text) => text).join(", ") || "–";
}
function checksOf(slave) {
  const checks = slave ? slave.checks : [];
  if (!checks.length) return ["none", "quiet"];
  const bad = checks.filter((check) => check.state !== "up");
  return bad.length ? [bad.map((check) => `${check.name} ${check.state}`).join(", "), "bad"] : [`${checks.length} up`, "good"];
}

function showDirector(status) {
  $("director").hidden = !status.director;
  if (!status.director) return;
  const slaves = new Map(status.slaves.map((slave) => [slave.name, slave]));
  const rows = status.director.services.flatMap((service) => {
    const all = sum(service.servers.map((server) => server.bound));
    return service.servers.map((server) => ({...server, service: service.service, all, slave: slaves.get(server.server)}));
  });
  fill($("servers"), [
    ["service", "text", (s) => s.service],
    ["server", "text", (s) => slaveName(s.server)],
    ["networks bound", "", (s) => count(s.bound)],
    ["of all", "", (s) => (s.all > 0 ? share(s.bound / s.all) : "–")],
    ["clients", "text long", (s) => (s.fit ? ["are sent there", "good"] : [s.why_not || "are not sent there", "bad"])],
    ["checks", "text", (s) => checksOf(s.slave)],
    ["load", "text", (s) => loadOf(s.slave)],
  ], rows);
  const {store} = status.director;
  const tables = status.director.services.map((s) => `${s.service}: ${count(s.clusters)} networks known, ${count(s.learning)} not bound yet, ${count(s.clusters_limit)} at most`);
  const keeping = !store.enabled ? "Bindings are not kept." : store.why_not ? `Bindings are not kept: ${store.why_not}.`
    : `${count(store.kept)} changes kept, ${count(store.waiting)} wait.`;
  say("director-note", `${tables.join("; ")}. ${keeping}`);
}

function showClocks(status) {
  const all = [{name: "master", clock: status.clock}, ...status.slaves];
  const bars = (label, key, tint) => ({label, data: all.map((s) => s.clock[key]), backgroundColor: tint, maxBarThickness: 12});
  const limit = status.clock.max_error_ms;
  draw("clocks", {labels: all.map((s) => s.name),
                  datasets: [bars("worst", "bound_ms", css("--accent")), bars("likely", "expected_error_ms", css("--warn"))]});
  say("clocks-note", `A host stands down while its worst error is above ${span(limit)}.`);
}

function showLive() {
  const points = history.slice(1).map((now, i) => {
    const before = history[i], seconds = (now.at - before.at) / 1000;
    return {at: now.at, races: Math.max(0, now.races - before.races) / seconds,
            others: Math.max(0, now.others - before.others) / seconds};
  });
  const line = (label, key, tint) => ({label, data: points.map((p) => p[key]), borderColor: tint, backgroundColor: tint,
                                       pointRadius: points.length < 3 ? 3 : 0, borderWidth: 2, tension: 0.25});
  $("live-note").hidden = points.some((p) => p.races > 0 || p.others > 0);
  draw("live", {labels: points.map((p) => clock(p.at)),
                datasets: [line("raced", "races", css("--accent")), line("answered without a race", "others", css("--warn"))]});
}

// [[slave, wins]] and where they come from.
function wins() {
  if (seen.stats) {
    const rows = seen.stats.rows.map((row) => [row.server, row.won]);
    return [rows, `${count(seen.stats.totals.verdicts)} verdicts in ${count(seen.stats.totals.races)} races.`];
  }
  if (!seen.races) return [null, errors.races || "No race has finished yet."];
  const judged = seen.races.filter((race) => race.verdict);
  const rows = order.map((name) => [name, judged.filter((race) => race.verdict.winner === name).length]);
  const why = errors.stats ? ` Statistics: ${errors.stats}.` : "";
  return [rows, `${judged.length} verdicts in the last ${seen.races.length} races.${why}`];
}

function showWins() {
  choices($("wins-since"), Object.keys(kSince), chosenSince, (name) => {
    chosenSince = name;
    askStats();
  });
  $("wins-since").hidden = !seen.stats;
  const [rows, note] = wins();
  say("wins-note", note);
  const shown = rows || order.map((name) => [name, 0]);
  draw("wins", {labels: shown.map(([name]) => name),
                datasets: [{label: "wins", data: shown.map(([, n]) => n), maxBarThickness: 34, borderRadius: 4,
                            backgroundColor: shown.map(([name]) => colour(name))}]});
}

function showRaces() {
  const races = seen.races || [];
  fill($("recent"), [
    ["instant", "text", (r) => clock(r.instant_ns / 1e6)],
    ["service", "text", (r) => r.service + (r.shadow ? " (shadow)" : "")],
    ["client", "text", (r) => r.client],
    ["winner", "text", (r) => (r.verdict ? slaveName(r.verdict.winner) : ["not known", "quiet"])],
    ["by", "", (r) => (r.verdict && known(r.verdict.margin_ms) ? span(r.verdict.margin_ms) : "")],
    ["learned from", "text", (r) => (r.verdict ? `${r.verdict.way}, ${r.verdict.certainty}` : "")],
    ["", "text", (r) => (r.verdict && r.verdict.within_error ? ["within error", "warn"] : "")],
    ["orders", "text", (r) => r.runners.filter((x) => x.fate !== "sent")
      .map((x) => `${x.slave} ${x.fate.replaceAll("_", " ")}`).join(", ") || `all ${r.runners.length} on time`],
  ], races.slice(0, 15));
  $("recent").hidden = races.length === 0;
  say("recent-note", races.length ? "" : errors.races || "No race has finished yet.");

  const bounds = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200];
  const labels = bounds.map((b, i) => (i === 0 ? `< ${b}` : `${bounds[i - 1]}–${b}`)).concat(`> ${bounds.at(-1)}`);
  const margins = races.filter((r) => r.verdict && known(r.verdict.margin_ms));
  const sets = order.map((name) => {
    const data = labels.map(() => 0);
    for (const race of margins) {
      if (race.verdict.winner !== name) continue;
      const at = bounds.findIndex((b) => race.verdict.margin_ms < b);
      ++data[at < 0 ? bounds.length : at];
    }
    return {label: name, data, backgroundColor: colour(name), stack: "all"};
  });
  draw("margins", {labels, datasets: sets}, (options) => {
    options.scales.x.stacked = options.scales.y.stacked = true;
  });
  say("margins-note", margins.length ? `How far ahead the winner of each of the last races was, where that is known (${margins.length}).`
    : errors.races || "No race has told its margin yet.");
}

function showOneWay() {
  const found = samples(seen.metrics || "", "flagfall_order_one_way_seconds_bucket");
  const names = order.filter((name) => found.some((s) => s.labels.slave === name && s.value > 0));
  const edges = [...new Set(found.map((s) => s.labels.le))];
  const shares = names.map((name) => {
    const cumulative = found.filter((s) => s.labels.slave === name).map((s) => s.value);
    return cumulative.map((n, i) => (n - (i > 0 ? cumulative[i - 1] : 0)) / cumulative.at(-1));
  });
  // Only where there is something, with one empty bucket at each side.
  const used = edges.map((_, i) => shares.some((s) => s[i] > 0));
  const from = Math.max(0, used.indexOf(true) - 1), to = Math.min(edges.length - 1, used.lastIndexOf(true) + 1);
  const ms = (edge) => String(Number((Number(edge) * 1000).toPrecision(3)));
  const labels = edges.map((edge, i) => (edge === "+Inf" ? `> ${ms(edges[i - 1])}` : i === 0 ? `≤ ${ms(edge)}` : `${ms(edges[i - 1])}–${ms(edge)}`));
  draw("oneway", {labels: labels.slice(from, to + 1),
                  datasets: names.map((name, i) => ({label: name, data: shares[i].slice(from, to + 1), backgroundColor: colour(name) + "cc",
                                                   grouped: false, barPercentage: 1, categoryPercentage: 0.96}))});
  if (errors.metrics) say("oneway-note", errors.metrics);
}

function showTune() {
  const services = (seen.status ? seen.status.services : []).map((s) => s.name);
  if (!services.includes(chosenService)) chosenService = services[0] || null;
  choices($("tune-service"), services, chosenService, (name) => {
    chosenService = name;
    seen.tune = null;
    askTune();
  });
  $("tune-service").hidden = services.length < 2;
  const tune = seen.tune, curve = tune && tune.curve;
  const line = (label, values, tint, more) => ({
    label, data: (values || []).map((y, i) => ({x: curve.delay_ms[i], y})), borderColor: tint, backgroundColor: tint,
    pointRadius: 0, borderWidth: 2, ...more});
  const sets = curve ? [line("all on time", curve.on_time, css("--ink"), {borderWidth: 3}),
                        ...Object.entries(curve.slaves).map(([name, values]) => line(name, values, colour(name)))] : [];
  const all = tune && tune.races > 0 ? [{at: tune.delay_ms, text: `now ${span(tune.delay_ms)}`, colour: css("--quiet")}] : [];
  if (tune && tune.recommended) all.push({at: tune.recommended.delay_ms, text: `recommended ${span(tune.recommended.delay_ms)}`, colour: css("--good")});
  draw("tune", {labels: [], datasets: sets}, (options) => { options.plugins.marks = {all}; });
  const best = tune && tune.recommended;
  say("tune-note", !tune ? errors.tune || "Not computed yet."
    : tune.races === 0 ? "No races yet."
    : best ? `With ${span(best.delay_ms)}, ${share(best.on_time.share)} of races would have had every slave on time (${count(tune.races)} races; target ${share(tune.target)}).`
    : `${count(tune.races)} races; no delay reaches ${share(tune.target)}.`);
}

function redraw() {
  if (!seen.status) return;
  showClocks(seen.status);
  showLive();
  showWins();
  showRaces();
  showOneWay();
  showTune();
}

// A route that the page can do without.
async function askFor(part, route, as) {
  try {
    seen[part] = await ask(route, as);
    delete errors[part];
  } catch (error) {
    if (!error.status) return;  // the master is gone, which askStatus() says
    seen[part] = null;
    errors[part] = error.status === 404 ? "This master does not keep this." : error.message;
  }
}
async function askStats() {
  await askFor("stats", `stats?by=server&since=${kSince[chosenSince]}`);
  if (seen.status) showWins();
}
async function askTune() {
  if (chosenService !== null) await askFor("tune", `tune?service=${encodeURIComponent(chosenService)}`);
  if (seen.status) showTune();
}
async function askRaces() {
  await askFor("races", "races");
  if (seen.races && !Array.isArray(seen.races)) seen.races = seen.races.races;
  if (seen.status) { showRaces(); showWins(); }
}
async function askMetrics() {
  await askFor("metrics", "metrics", "text");
  if (seen.status) showOneWay();
}

async function askStatus() {
  try {
    const status = await ask("status");
    const first = !seen.status;
    seen.status = status;
    order = status.slaves.map((s) => s.name).sort();
    const others = sum(status.fallback);
    if (history.length && history.at(-1).races > status.races) history.length = 0;  // it was restarted
    history.push({at: Date.now(), races: status.races, others});
    if (history.length > kHistory) history.shift();
    $("gone").hidden = true;
    document.body.classList.remove("gone");
    showState(status);
    showTiles(status);
    showTables(status);
    showDirector(status);
    showClocks(status);
    showLive();
    if (first) redraw();
  } catch (error) {
    document.body.classList.add("gone");
    $("gone").hidden = false;
    say("gone", error.status ? `The master refuses: ${error.message}` : "The master does not answer. What is below is what it said last; this page asks again every 2 s.");
    say("state", "gone");
    $("state").className = "badge bad";
    document.title = "flagfall · gone";
  }
}

// One question at a time of each kind, and none while nobody looks.
async function keep(asking, every) {
  for (;;) {
    if (!document.hidden) await asking();
    await new Promise((done) => setTimeout(done, every));
  }
}

keep(askStatus, 2000).catch(console.error);
askStatus().then(() => {
  keep(askRaces, 4000).catch(console.error);
  keep(askMetrics, 5000).catch(console.error);
  keep(askStats, 10000).catch(console.error);
  keep(askTune, 10000).catch(console.error);
});
