/**
 * The contract of ClusterPort, as tests that run on every adapter: the API server in memory (lib/simulator) and a real one (proof bed).
 * What only one of them does is not in here, and nothing else may rely on it.
 */
import { describeCache } from './cache-contract';
import type { ClusterFixture, ContractOptions } from './fixture';
import { describeFaults, describeLists, describeWatches } from './port-reads';
import { describeApply, describeRemoval, describeWrites } from './port-writes';

/** Declares the whole contract for one adapter. */
export function describeClusterPort(
  name: string,
  makeFixture: () => Promise<ClusterFixture>,
  options: ContractOptions,
): void {
  describe(`ClusterPort: ${name}`, () => {
    let made: ClusterFixture;
    beforeAll(async () => {
      made = await makeFixture();
    }, 180_000);
    afterEach(() => made.faults.heal());
    afterAll(() => made?.close());

    const fixture = (): ClusterFixture => made;
    describeLists(fixture);
    describeWrites(fixture);
    describeApply(fixture);
    describeRemoval(fixture);
    describeWatches(fixture);
    describeFaults(fixture, options);
    describeCache(fixture, options);
  });
}
