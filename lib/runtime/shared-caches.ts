/** How the controllers of one process share caches: one for each resource type, with the indexes of each under its own name. */
import { resourceName } from '../domain/resources';
import type { WatchCache } from './cache';
import type { AssumingCache, Controller, ControllerWatch } from './controller';
import type { IndexFunction } from './object-store';

/** One watch, and whose it is. */
export interface OwnedWatch {
  readonly controller: Controller;
  readonly watch: ControllerWatch;
}

/** The watches of all controllers by resource: each has one cache, however many watch it. */
export function watchesByResource(controllers: readonly Controller[]): Map<string, OwnedWatch[]> {
  const byResource = new Map<string, OwnedWatch[]>();
  for (const controller of controllers) {
    for (const watch of controller.watches) {
      const name = resourceName(watch.resource);
      byResource.set(name, [...(byResource.get(name) ?? []), { controller, watch }]);
    }
  }
  return byResource;
}

/** Controllers share caches but not index names. */
export function ownedIndexes({ controller, watch }: OwnedWatch): Record<string, IndexFunction> {
  const named = Object.entries(watch.indexes ?? {}).map(([name, values]) => [`${controller.name}/${name}`, values]);
  return Object.fromEntries(named) as Record<string, IndexFunction>;
}

/** A cache as one controller sees it: with its own indexes. */
export function ownView(cache: WatchCache, owner: string): AssumingCache {
  return {
    get: (key) => cache.get(key),
    list: () => cache.list(),
    byIndex: (index, value) => cache.byIndex(`${owner}/${index}`, value),
    hasSynced: () => cache.hasSynced(),
    assume: (object) => cache.assume(object),
  };
}
