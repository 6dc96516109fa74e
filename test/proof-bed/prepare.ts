import { findBinaries } from './binaries';

/** Set to the reason when the bed cannot run here; `describeOnBed` then skips. */
export const UNAVAILABLE = 'PROOF_BED_UNAVAILABLE';

/**
 * Before the first test: finds or builds all programs. Where they cannot be had, the tests are skipped with one clear line;
 * in CI, or with PROOF_BED=required, that is a failure.
 */
export default async function prepare(): Promise<void> {
  try {
    await findBinaries();
  } catch (error) {
    const reason = (error as Error).message;
    if (process.env['CI'] === 'true' || process.env['PROOF_BED'] === 'required') throw error;
    process.env[UNAVAILABLE] = reason;
    process.stderr.write(`proof bed: SKIPPED, its programs cannot be had here. ${reason}\n`);
  }
}
