import { INSTANCE_TYPES } from './instance-types';
import { acceleratorText, ipRange, renderInstanceTypesReference } from './reference';

describe('the reference page', () => {
  const page = renderInstanceTypesReference();

  it('has a row for every type in both tables, and every note', () => {
    for (const type of INSTANCE_TYPES) {
      expect(page.split('\n').filter((line) => line.startsWith(`| \`${type.name}\` |`))).toHaveLength(2);
      for (const note of type.notes) expect(page).toContain(note);
    }
  });

  it('has tables whose rows all have as many cells as their head', () => {
    const tables = page.split('\n\n').filter((block) => block.startsWith('|'));
    expect(tables).toHaveLength(4);
    for (const table of tables) {
      expect(new Set(table.split('\n').map((line) => line.split('|').length)).size).toBe(1);
    }
  });

  it('shows a dash where no source gives a number', () => {
    expect(page).toContain('| `trn2.3xlarge` | – | 1 | 2 (2) | 15 | 1 | 2 | 33 | 32 |');
    expect(page).toContain('39 (–)');
    expect(page).not.toMatch(/null|undefined|NaN/);
  });

  it('writes accelerators and ranges for people', () => {
    expect(INSTANCE_TYPES.map(acceleratorText)).toContain('8 x h100, 80 GB each');
    expect(INSTANCE_TYPES.map(acceleratorText)).toContain('16 x trainium, 32 NeuronCores');
    expect([
      ipRange({ minIps: 81, ips: 131 }),
      ipRange({ minIps: 17, ips: 17 }),
      ipRange({ minIps: null, ips: null }),
    ]).toEqual(['81 to 131', '17', '–']);
  });
});
