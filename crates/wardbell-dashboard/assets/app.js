// Wardbell's dashboard: what HTML cannot do alone. Everything else works without it.
"use strict";
document.documentElement.classList.add("js");

// Times in the reader's zone.
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const year = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

function tellTime(element) {
  const at = new Date(element.dateTime);
  if (Number.isNaN(at.getTime())) return;
  const now = new Date();
  const form = at.toDateString() === now.toDateString() ? clock : at.getFullYear() === now.getFullYear() ? day : year;
  element.textContent = form.format(at);
}

// What a box or a choice shows and hides: data-if="name=value,value", data-unless="name=value".
function depends(form) {
  const values = (name) => new FormData(form).getAll(name).map(String);
  const holds = (rule) => {
    const [name, wanted] = rule.split("=");
    return values(name).some((value) => wanted.split(",").includes(value));
  };
  for (const element of form.querySelectorAll("[data-if], [data-unless]")) {
    element.hidden = element.dataset.if ? !holds(element.dataset.if) : holds(element.dataset.unless);
  }
}

function prepare(root) {
  root.querySelectorAll("time[datetime]").forEach(tellTime);
  // The reader's own time zone, where none was typed.
  root.querySelectorAll("input[data-zone]").forEach((input) => { input.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? ""; });
  root.querySelectorAll("form").forEach((form) => { if (form.querySelector("[data-if], [data-unless]")) depends(form); });
}

document.addEventListener("DOMContentLoaded", () => {
  prepare(document);
  follow(document.querySelector("[data-live]"));
});
document.addEventListener("htmx:load", (event) => prepare(event.target));

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (!form) return;
  if (form.querySelector("[data-if], [data-unless]")) depends(form);
  if ("auto" in form.dataset && event.target.tagName === "SELECT") form.requestSubmit();
});

// An empty filter does not stand in the address.
document.addEventListener("submit", (event) => {
  if (!("auto" in event.target.dataset)) return;
  for (const input of event.target.elements) if (input.name && input.value === "") input.disabled = true;
});
window.addEventListener("pageshow", () => {
  for (const input of document.querySelectorAll("form[data-auto] :disabled")) input.disabled = false;
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("menu" in button.dataset) {
    const open = document.getElementById("nav").classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
  } else if (button.dataset.ask) {
    document.getElementById(button.dataset.ask).showModal();
  } else if ("close" in button.dataset) {
    button.closest("dialog").close();
  } else if (button.dataset.copy !== undefined) {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      // Without a secure context there is no clipboard; the text is there to be selected.
      const input = button.parentElement.querySelector("input");
      if (input) input.select();
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = said; }, 1600);
  }
});

// Characters that steer or hide are shown by their numbers, as text.rs does.
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
function shown(text) {
  const element = document.createElement("bdi");
  element.textContent = String(text).replace(STEERING, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  return element;
}

const VERDICTS = {
  allow: ["ok", "clean"], observe: ["info", "observed"], failed_open: ["warn", "guard failed, let through"],
  failed_closed: ["bad", "guard failed, stopped"], redact: ["warn", "redacted"], redact_answer: ["warn", "answer redacted"],
  block_pii: ["bad", "blocked: data"], block_injection: ["bad", "blocked: injection"], block_content: ["bad", "blocked: policy"],
  block_abuse: ["bad", "blocked: abuse"], block_loop: ["bad", "blocked: loop"], block_answer: ["bad", "answer blocked"], partial_scan: ["warn", "clean as far as read"], none: ["", "not looked at"],
};

// The live feed: a row for each request and alert, newest first, in a list that keeps its size.
function follow(list) {
  if (!list) return;
  const rows = Number(list.dataset.rows);
  const state = document.querySelector("[data-live-state]");
  const pause = document.querySelector("[data-live-pause]");
  let waiting = [];
  let paused = false;

  const row = (time, tone, word, href, name, about) => {
    const item = document.createElement("li");
    item.className = tone === "bell" ? "new alert" : "new";
    const at = document.createElement("time");
    at.dateTime = time;
    tellTime(at);
    const badge = document.createElement("span");
    badge.className = `badge ${tone}`;
    badge.append(shown(word));
    const link = document.createElement("a");
    link.href = href;
    link.append(shown(name));
    const rest = document.createElement("span");
    rest.className = "dim";
    rest.append(shown(about));
    item.append(at, " ", badge, " ", link, " ", rest);
    return item;
  };
  const show = (item) => {
    list.prepend(item);
    while (list.children.length > rows) list.lastElementChild.remove();
  };
  const add = (item) => {
    if (!paused) return show(item);
    waiting = [item, ...waiting].slice(0, rows);
    pause.textContent = `Resume (${waiting.length}${waiting.length === rows ? "+" : ""} new)`;
  };
  const base = (project) => `/projects/${encodeURIComponent(project)}`;

  const source = new EventSource(list.dataset.live);
  source.onopen = () => { state.textContent = "connected"; state.dataset.on = ""; };
  source.onerror = () => { state.textContent = "reconnecting…"; delete state.dataset.on; };
  source.addEventListener("request", (event) => {
    const it = JSON.parse(event.data);
    const [tone, word] = VERDICTS[it.verdict] ?? ["", it.verdict];
    const href = `${base(it.project_id)}/activity?request=${encodeURIComponent(it.id)}`;
    add(row(it.time, tone, word, href, it.model || it.surface, it.entity_types.join(", ")));
  });
  source.addEventListener("alert", (event) => {
    const it = JSON.parse(event.data);
    const about = [...(it.data.entity_types ?? []), ...(it.data.policies ?? []), it.data.scope ?? "", it.data.model ?? ""].filter(Boolean).join(", ");
    add(row(it.time, "bell", "alert", `${base(it.project_id)}/alerts/${encodeURIComponent(it.id)}`, it.kind, about));
  });
  source.addEventListener("delivery", (event) => {
    const it = JSON.parse(event.data);
    if (it.state !== "dead") return;
    add(row(it.finished_at ?? it.created_at, "bad", "dead letter", `${base(it.project_id)}/deliveries/${encodeURIComponent(it.id)}`, "delivery given up", it.reason ?? ""));
  });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    if (!paused) { for (const item of waiting.reverse()) show(item); waiting = []; }
  });
  // A page that is kept behind the present one must not hold a connection.
  window.addEventListener("pagehide", () => source.close());
}
