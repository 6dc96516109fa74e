import { parseCsv, parseMoment, parseNumber } from './csv';

const at = { file: 'jobs.csv', line: 7, column: 'duration' };

describe('CSV', () => {
  it('finds columns by name, in any order, among others nobody asked for', () => {
    const text = '\uFEFFcluster,Num_GPUs,note,timestamp\r\na,8,"x, ""y""",2017-10-09 07:01:55\r\n\r\nb,1,,0\r\n';
    expect(parseCsv(text, 'jobs.csv', ['timestamp', 'num_gpus'])).toEqual([
      { line: 2, values: ['2017-10-09 07:01:55', '8'] },
      { line: 4, values: ['0', '1'] },
    ]);
  });

  it.each([
    ['', /jobs\.csv: is empty/],
    ['a,b\n1,2', /jobs\.csv: has no column timestamp; its columns are a, b/],
    ['a,timestamp\n1', /jobs\.csv: line 2 has 1 values and none for column timestamp/],
  ])('says of %j what is wrong and where', (text, message) => {
    expect(() => parseCsv(text, 'jobs.csv', ['timestamp'])).toThrow(message);
  });

  it.each(['', 'ten', '-1', 'NaN', 'Infinity'])('refuses %j as a number, with file, line and column', (text) => {
    expect(() => parseNumber(text, 0, at)).toThrow(
      `jobs.csv: line 7, column duration: '${text}' is not a number from 0 up`,
    );
  });

  it('reads dates with and without a zone, with more digits than milliseconds, and seconds', () => {
    expect(parseMoment('2023-11-16 18:15:46.6805900', at)).toBe(Date.UTC(2023, 10, 16, 18, 15, 46, 680));
    expect(parseMoment('2023-11-16T19:15:46+01:00', at)).toBe(Date.UTC(2023, 10, 16, 18, 15, 46));
    expect(parseMoment('12.5', at)).toBe(12_500);
    expect(() => parseMoment('yesterday', at)).toThrow(
      "'yesterday' is neither a date and time nor a number of seconds",
    );
  });
});
