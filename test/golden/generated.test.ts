import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './generated';

const ROOT = join(__dirname, '../..');

describe('generated files', () => {
  const files = generatedFiles();

  it.each([...files.keys()])('%s is what npm run generate writes', (path) => {
    const full = join(ROOT, path);
    expect(existsSync(full) ? readFileSync(full, 'utf8') : 'missing: run npm run generate').toBe(files.get(path));
  });
});
