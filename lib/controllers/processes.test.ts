import { CHECK_IMAGE, NEURON_CHECK_IMAGE } from '../charts';
import { PERMISSIONS } from '../domain/permissions';
import { resourceName } from '../domain/resources';
import { CONTROLLER_METRICS, controllersOf, PROCESS_NAMES } from './processes';

const surroundings = { env: { CHECK_IMAGE, NEURON_CHECK_IMAGE }, namespace: 'aicluster-system' };

describe('processes', () => {
  it('are those of the table of permissions, each with the controllers that have rows there', () => {
    const table = PERMISSIONS.map(({ process, controllers }) => [process, controllers.map((one) => one.controller)]);
    const running = PROCESS_NAMES.map((name) => [name, controllersOf(name, surroundings).map((one) => one.name)]);
    const sorted = (rows: readonly any[]) =>
      rows.map(([name, list]) => `${name}: ${[...list].sort().join(' ')}`).sort();
    expect(sorted(running)).toEqual(sorted(table));
  });

  it('may list and watch what their controllers watch', () => {
    for (const { process, controllers } of PERMISSIONS) {
      for (const { name, watches } of controllersOf(process, surroundings)) {
        const rows = controllers.find((one) => one.controller === name)!.cluster.filter((row) => !row.subresource);
        const missing = watches.filter(({ resource, selection }) => {
          const fitting = rows.filter(
            (row) => row.resource === resource && (!row.namespace || row.namespace === selection?.namespace),
          );
          const verbs = fitting.flatMap((row) => row.verbs);
          return !verbs.includes('list') || !verbs.includes('watch');
        });
        expect([name, missing.map(({ resource }) => resourceName(resource))]).toEqual([name, []]);
      }
    }
  });

  it('are known by name, and no others', () => {
    expect(() => controllersOf('toString', surroundings)).toThrow(
      'no process "toString"; there are: capacity, health, janitor',
    );
    expect(() => controllersOf('health', { ...surroundings, env: {} })).toThrow(/CHECK_IMAGE is not set/);
  });

  it('measure each thing under one name', () => {
    const names = CONTROLLER_METRICS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });
});
