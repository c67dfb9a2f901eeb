// What pages do beyond links and forms: keys, a question before what cannot be taken back, and plots.
(() => {
  "use strict";

  const typing = (el) => el && el.matches("input, select, textarea");
  const pages = { o: "/ui", r: "/ui/runs", a: "/ui/alerts", l: "/ui/leads", m: "/ui/messages", d: "/ui/dead-letters" };
  let going = 0;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (going && Date.now() - going < 1500 && pages[event.key]) {
      location.href = pages[event.key];
      return;
    }
    going = event.key === "g" ? Date.now() : 0;
    if (event.key === "/") {
      const field = document.querySelector("input[type=search]") || document.querySelector(".filters select");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    } else if (event.key === "j" || event.key === "k") {
      const rows = [...document.querySelectorAll("main a.row, main a.line")];
      const at = rows.indexOf(document.activeElement);
      const next = rows[at + (event.key === "j" ? 1 : -1)] || (at < 0 ? rows[0] : null);
      if (next) next.focus();
    }
  });

  document.addEventListener("submit", (event) => {
    const sure = event.submitter && event.submitter.dataset.sure;
    if (sure && !window.confirm(sure)) {
      event.preventDefault();
      return;
    }
    // A second click would only ask the same again.
    if (event.target.method === "post") setTimeout(() => event.submitter && (event.submitter.disabled = true));
  });

  // Coming back to a page out of the browser's memory, its buttons work again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("button:disabled").forEach((b) => (b.disabled = false));
  });

  // On a phone the menu is one line that scrolls: show where we are.
  const menu = document.querySelector(".menu");
  const here = menu && menu.querySelector("[aria-current]");
  if (here && menu.scrollWidth > menu.clientWidth) menu.scrollLeft = here.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;

  // Okabe and Ito's colours, and a dash each, so that lines can be told apart without colours.
  const lines = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
  const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3], [12, 4], [4, 4]];

  const plot = (el) => {
    const times = JSON.parse(el.dataset.times).map((t) => Date.parse(t) / 1000);
    const names = JSON.parse(el.dataset.names);
    const values = JSON.parse(el.dataset.values);
    const ink = getComputedStyle(el).color;
    const byDay = times.length > 1 && times[1] - times[0] > 7200;
    const two = (n) => String(n).padStart(2, "0");
    const month = (d) => d.toLocaleString("en", { month: "short", timeZone: "UTC" });
    const day = (d) => `${d.getUTCDate()} ${month(d)}`;
    const shown = (t) => {
      const d = new Date(t * 1000);
      return byDay ? day(d) : `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
    };
    // Durations are told to a hundredth of a second; whatever else is plotted comes in whole numbers.
    const inSeconds = el.closest("[data-unit=s]") !== null;
    const incrs = inSeconds ? [0.01, 0.02, 0.05, 0.1, 0.2, 0.5] : [];
    const shownValue = (u, v) => (v == null ? "–" : inSeconds ? `${v.toFixed(2)} s` : v.toLocaleString("en"));
    const grid = { stroke: ink, width: 0.3 };
    const axis = { stroke: ink, grid, ticks: { stroke: ink, width: 0.3 }, font: "12px system-ui, sans-serif" };
    const made = new uPlot(
      {
        width: el.clientWidth,
        height: 200,
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
        cursor: { y: false },
        scales: { y: { range: (u, low, high) => [0, Math.max(inSeconds ? 0.1 : 1, high * 1.1)] } },
        axes: [{ ...axis, values: (u, ticks) => ticks.map(shown) }, { ...axis, size: 48, values: (u, ticks) => ticks.map((v) => (inSeconds ? `${+v.toFixed(2)} s` : v.toLocaleString("en"))), incrs: [...incrs, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000] }],
        series: [{ label: "From", value: (u, t) => (t == null ? "–" : `${day(new Date(t * 1000))} ${byDay ? "" : shown(t)}`) }].concat(
          names.map((name, n) => ({
            label: name,
            value: shownValue,
            stroke: lines[n % lines.length],
            dash: dashes[(n + Math.floor(n / lines.length)) % dashes.length],
            width: 2,
            // A minute between minutes without a figure has no line to stand on.
            points: { show: inSeconds || times.length < 40, size: inSeconds ? 4 : 5 },
          })),
        ),
      },
      [times, ...values],
      el,
    );
    new ResizeObserver(() => made.setSize({ width: el.clientWidth, height: 200 })).observe(el);
  };
  // Some plots come later than their page.
  const plotAll = () => document.querySelectorAll(".chart:not(:has(canvas))").forEach(plot);
  if (window.uPlot) {
    plotAll();
    new MutationObserver(plotAll).observe(document.querySelector("main"), { childList: true, subtree: true });
  }
})();
