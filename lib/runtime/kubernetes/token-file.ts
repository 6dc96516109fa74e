/** A token in a file that somebody else rotates, as the kubelet does with service account tokens (every hour, by swapping a link). */
import { readFile, stat } from 'node:fs/promises';
import type { Credentials } from './connection';

/** Whether the file changed is looked at this often. */
const LOOK_MS = 5000;

/** Reads the token again when its file changes and when the server refuses the one we have. */
export class TokenFile implements Credentials {
  private header: string | undefined;
  private changed = '';
  private lookedMs = 0;

  /** `now` in epoch ms; an argument so that a test can let time pass. */
  constructor(
    private readonly path: string,
    private readonly now: () => number = Date.now,
  ) {}

  async authorization(): Promise<string> {
    if (this.header !== undefined && this.now() - this.lookedMs < LOOK_MS) return this.header;
    this.lookedMs = this.now();
    const { mtimeMs, ino, size } = await stat(this.path);
    const changed = `${mtimeMs}/${ino}/${size}`;
    if (this.header === undefined || changed !== this.changed) {
      this.header = `Bearer ${(await readFile(this.path, 'utf8')).trim()}`;
      this.changed = changed;
    }
    return this.header;
  }

  refused(): void {
    this.header = undefined;
  }
}
