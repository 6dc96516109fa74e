/** CSV as traces come: a header line, any order of columns, columns nobody asked for, quotes, CRLF, blank lines. PURE. */

/** What is wrong with a file, in one sentence for whoever gave it: file, line or column, and what is there. */
export class CsvError extends Error {}

/** One row: the values of the columns asked for, in that order, and its line in the file. */
export interface CsvRow {
  readonly line: number;
  readonly values: readonly string[];
}

/** Rows of the columns asked for. Columns are found by name, whatever their case. */
export function parseCsv(text: string, file: string, columns: readonly string[]): readonly CsvRow[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const headerAt = lines.findIndex((line) => line.trim() !== '');
  if (headerAt < 0) throw new CsvError(`${file}: is empty; its first line must name the columns ${columns.join(', ')}`);
  const header = splitLine(lines[headerAt]!).map((name) => name.trim());
  const places = columns.map((column) => requireColumn(column, header, file));
  const most = Math.max(...places);
  const rows: CsvRow[] = [];
  for (let i = headerAt + 1; i < lines.length; i++) {
    if (lines[i]!.trim() === '') continue;
    const cells = splitLine(lines[i]!);
    if (cells.length <= most) {
      const missing = columns[places.findIndex((place) => place >= cells.length)]!;
      throw new CsvError(
        `${file}: line ${i + 1} has ${cells.length} values and none for column ${missing} (the header has ${header.length})`,
      );
    }
    rows.push({ line: i + 1, values: places.map((place) => cells[place]!.trim()) });
  }
  return rows;
}

/** A number of at least `min`, or an error that names file, line and column. */
export function parseNumber(text: string, min: number, at: Place): number {
  const value = text === '' ? NaN : Number(text);
  if (Number.isFinite(value) && value >= min) return value;
  throw new CsvError(`${at.file}: line ${at.line}, column ${at.column}: '${text}' is not a number from ${min} up`);
}

/** Epoch milliseconds: seconds as a number, or a date with a time (UTC where it names no zone). */
export function parseMoment(text: string, at: Place): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(text);
  const ms = match ? Date.parse(`${match[1]}T${match[2]}${(match[3] ?? '').slice(0, 4)}${match[4] ?? 'Z'}`) : NaN;
  if (Number.isFinite(ms)) return ms;
  throw new CsvError(
    `${at.file}: line ${at.line}, column ${at.column}: '${text}' is neither a date and time nor a number of seconds`,
  );
}

/** Where a value stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: string;
}

function requireColumn(column: string, header: readonly string[], file: string): number {
  const place = header.findIndex((name) => name.toLowerCase() === column.toLowerCase());
  if (place >= 0) return place;
  throw new CsvError(`${file}: has no column ${column}; its columns are ${header.join(', ')}`);
}

function splitLine(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (char === '"' && quoted && line[i + 1] === '"') {
      cell += '"';
      i += 1;
    } else if (char === '"') quoted = !quoted;
    else if (char === ',' && !quoted) {
      cells.push(cell);
      cell = '';
    } else cell += char;
  }
  cells.push(cell);
  return cells;
}
