/** The report of a rehearsal: one HTML file that opens anywhere, without network. */
import { demandChart, escapeHtml, formatClock, percentChart, stackedChart } from './charts';
import { provingsTable, type Proving } from './provings';
import type { Series } from './scale';
import { takingsTable, type Taking } from './takings';

/** One sample of the fleet. */
export interface Sample {
  /** Milliseconds from the start. */
  readonly t: number;
  /** Usable nodes of each bucket. */
  readonly byBucket: Readonly<Record<string, number>>;
  /** Nodes that belong to no bucket yet, or are on their way. */
  readonly unassigned: number;
  /** Nodes each bucket's work needs. */
  readonly demand: Readonly<Record<string, number>>;
  readonly gpus: { readonly total: number; readonly busy: number };
}

/** One line of the story. */
export interface StoryEvent {
  /** Milliseconds from the start. */
  readonly t: number;
  readonly kind: string;
  readonly object: string;
  readonly message: string;
}

/** What the report shows. */
export interface ReportContent {
  readonly title: string;
  readonly seed: number;
  readonly steps: number;
  readonly violations: readonly { readonly t: number; readonly object: string; readonly message: string }[];
  readonly samples: readonly Sample[];
  readonly events: readonly StoryEvent[];
  /** Absent: the page says nothing of them. */
  readonly takings?: readonly Taking[];
  /** Absent: the page says nothing of them. */
  readonly provings?: readonly Proving[];
}

/** Colours that stay apart for colour-blind readers (Okabe and Ito, 2008), the first ones used first. */
export const PALETTE: readonly string[] = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#56B4E9', '#D55E00', '#F0E442'];
const UNASSIGNED_COLOR = '#B8BEC6';

/** Renders the whole page. */
export function renderReport(content: ReportContent): string {
  const buckets = [
    ...new Set(content.samples.flatMap(({ byBucket, demand }) => [...Object.keys(byBucket), ...Object.keys(demand)])),
  ].sort();
  const color = (bucket: string) => PALETTE[buckets.indexOf(bucket) % PALETTE.length]!;
  const times = content.samples.map(({ t }) => t);
  const nodes: Series[] = [
    ...buckets.map((name) => ({
      name,
      color: color(name),
      values: content.samples.map(({ byBucket }) => byBucket[name] ?? 0),
    })),
    { name: 'no bucket', color: UNASSIGNED_COLOR, values: content.samples.map(({ unassigned }) => unassigned) },
  ];
  const busy = content.samples.map(({ gpus }) => (gpus.total === 0 ? 0 : Math.round((100 * gpus.busy) / gpus.total)));
  return htmlPage(content.title, [
    header(content),
    section(
      'Nodes per bucket',
      'Every node, by the bucket that owns it.',
      stackedChart(nodes, { times, label: 'Nodes per bucket over time' }),
      legend(nodes),
    ),
    section(
      'Demand against supply',
      'The filled area is what a bucket owns; the line is what its work needs. Where the line is above the area, work waits.',
      `<div class="multiples">${buckets.map((name) => bucketFigure(name, color(name), content.samples)).join('')}</div>`,
    ),
    section(
      'GPU utilisation',
      'GPUs that pods hold, of all GPUs on ready nodes.',
      percentChart(
        { name: 'busy', color: '#5B7083', values: busy },
        { times, height: 180, label: 'GPU utilisation over time' },
      ),
    ),
    ...(content.provings ? [provingsSection(content.provings)] : []),
    ...(content.takings ? [takingsSection(content.takings)] : []),
    section('What happened', `${content.events.length} events.`, timeline(content.events)),
  ]);
}

function provingsSection(provings: readonly Proving[]): string {
  return section(
    'Nodes proved',
    'No node works before it has passed its checks, by itself and with others; who fails is replaced.',
    provingsTable(provings),
  );
}

function takingsSection(takings: readonly Taking[]): string {
  return section(
    'Taken from running work',
    'Where nothing was free: the nodes whose loss costs least, why they were chosen, and what each gang lost when it gave way.',
    takingsTable(takings),
  );
}

function header({ title, seed, steps, violations, samples }: ReportContent): string {
  const last = samples.at(-1);
  const total = last ? Object.values(last.byBucket).reduce((sum, n) => sum + n, 0) + last.unassigned : 0;
  const busy = samples.map(({ gpus }) => (gpus.total === 0 ? 0 : gpus.busy / gpus.total));
  const mean = busy.length === 0 ? 0 : Math.round((100 * busy.reduce((sum, share) => sum + share, 0)) / busy.length);
  const tiles = [
    [formatClock(last?.t ?? 0), 'hours played'],
    [String(total), 'nodes at the end'],
    [`${mean} %`, 'GPUs busy on average'],
    [steps.toLocaleString('en-US'), 'steps simulated'],
    [String(violations.length), violations.length === 1 ? 'violation' : 'violations'],
  ];
  const list = violations.map(
    ({ t, object, message }) =>
      `<li><time>${formatClock(t, true)}</time> <b>${escapeHtml(object)}</b> ${escapeHtml(message)}</li>`,
  );
  return (
    `<header><h1>${escapeHtml(title)}</h1><p class="sub">seed ${seed}: the same seed plays the same day again</p>` +
    `<div class="tiles">${tiles.map(([value, label]) => `<div class="tile"><b>${value}</b><span>${label}</span></div>`).join('')}</div>` +
    (list.length > 0 ? `<ul class="violations">${list.join('')}</ul>` : '') +
    '</header>'
  );
}

function bucketFigure(name: string, color: string, samples: readonly Sample[]): string {
  const supply: Series = { name, color, values: samples.map(({ byBucket }) => byBucket[name] ?? 0) };
  const demand: Series = {
    name: 'demand',
    color: 'var(--ink)',
    values: samples.map(({ demand }) => demand[name] ?? 0),
  };
  const options = {
    times: samples.map(({ t }) => t),
    width: 520,
    height: 190,
    label: `Demand against supply of ${name}`,
  };
  return `<figure><figcaption><i style="background:${color}"></i>${escapeHtml(name)}</figcaption>${demandChart(supply, demand, options)}</figure>`;
}

/** A card of the page: heading, one sentence, and what it shows. */
export function section(title: string, text: string, ...body: readonly string[]): string {
  return `<section><h2>${title}</h2><p class="sub">${text}</p>${body.join('')}</section>`;
}

/** What the colours mean. */
export function legend(series: readonly Series[]): string {
  return `<div class="legend">${series.map(({ name, color }) => `<span><i style="background:${color}"></i>${escapeHtml(name)}</span>`).join('')}</div>`;
}

function timeline(events: readonly StoryEvent[]): string {
  const rows = events.map(
    ({ t, kind, object, message }) =>
      `<tr><td><time>${formatClock(t, true)}</time></td><td><span class="kind">${escapeHtml(kind)}</span></td><td>${escapeHtml(object)}</td><td>${escapeHtml(message)}</td></tr>`,
  );
  return `<div class="scroll"><table><thead><tr><th>time</th><th>what</th><th>object</th><th>why</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

const STYLE = `
:root{--paper:#fbfbfa;--card:#fff;--ink:#1b2027;--soft:#5d6772;--line:#e4e7ea;--short:#d55e00}
@media(prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1c2026;--ink:#eceff2;--soft:#9aa4af;--line:#2c323a;--short:#ff8a3d}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:40px 24px 80px}h1{font-size:28px;margin:0;letter-spacing:-.01em}h2{font-size:18px;margin:0}
.sub{color:var(--soft);margin:4px 0 16px}header{margin-bottom:28px}section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 22px;margin:18px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px}
.tile b{display:block;font-size:24px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
svg{width:100%;height:auto;display:block}.grid{stroke:var(--line);stroke-width:1}.tick{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
.area{fill-opacity:.88}.area.soft{fill-opacity:.22}.line{fill:none;stroke-width:1.8}.short{fill:var(--short);fill-opacity:.28}
.legend,figcaption{display:flex;gap:16px;flex-wrap:wrap;color:var(--soft);font-size:13px}.legend{margin-top:10px}.legend i,figcaption i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px;vertical-align:baseline}
figcaption{color:var(--ink);font-weight:600;gap:0;align-items:center;margin-bottom:4px}figure{margin:0}.multiples{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:22px}
.scroll{max-height:560px;overflow:auto;border-top:1px solid var(--line)}table{width:100%;border-collapse:collapse;font-size:13px}th{position:sticky;top:0;background:var(--card);text-align:left;color:var(--soft);font-weight:500}
td,th{padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}time{font-variant-numeric:tabular-nums;color:var(--soft)}
.kind{background:var(--paper);border:1px solid var(--line);border-radius:6px;padding:1px 7px;white-space:nowrap}.violations{color:var(--short)}`;

/** A whole page of its parts; it loads nothing. */
export function htmlPage(title: string, parts: readonly string[]): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main>${parts.join('')}</main></body></html>\n`
  );
}
