/** Panels of a Grafana dashboard: a title, a unit, what it means, and queries; where it goes follows from the order. */

/** What a panel shows. */
export interface PanelSpec {
  readonly title: string;
  readonly description: string;
  /** Grafana's name of the unit: `short` for counts, `s`, `bytes`, `reqps`. */
  readonly unit: string;
  readonly type?: 'timeseries' | 'stat';
  /** Columns of 24. @default 12, and 4 for stats */
  readonly width?: number;
  /** Expression → legend. */
  readonly queries: Readonly<Record<string, string>>;
  /** Values from here on are shown in red. */
  readonly redFrom?: number;
}

/** A row of panels under a heading. */
export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

/** The data source that the reader has chosen. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

const COLUMNS = 24;
const HEIGHT = { timeseries: 8, stat: 4 } as const;

/** Lays rows out from top to bottom, panels from left to right. */
export function layOut(rows: readonly RowSpec[]): object[] {
  const placed: object[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const spec of panels) {
      const { w, h } = sizeOf(spec);
      if (x + w > COLUMNS) {
        y += height;
        [x, height] = [0, 0];
      }
      placed.push({ id: placed.length + 1, ...panelOf(spec), gridPos: { x, y, w, h } });
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return placed;
}

function sizeOf({ type = 'timeseries', width }: PanelSpec): { readonly w: number; readonly h: number } {
  return { w: width ?? (type === 'stat' ? 4 : 12), h: HEIGHT[type] };
}

function panelOf({ title, description, unit, type = 'timeseries', queries, redFrom }: PanelSpec): object {
  const steps = [{ color: 'green', value: null }, ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }])];
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    targets: Object.entries(queries).map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr,
      legendFormat,
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        color: { mode: type === 'stat' ? 'thresholds' : 'palette-classic' },
        thresholds: { mode: 'absolute', steps },
      },
      overrides: [],
    },
    options: type === 'stat' ? STAT_OPTIONS : TIMESERIES_OPTIONS,
  };
}

const STAT_OPTIONS = {
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  colorMode: 'value',
  graphMode: 'none',
  textMode: 'auto',
};
const TIMESERIES_OPTIONS = {
  legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
  tooltip: { mode: 'multi', sort: 'desc' },
};
