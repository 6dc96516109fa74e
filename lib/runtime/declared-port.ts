/**
 * A ClusterPort that refuses what the table of permissions does not declare, as RBAC does in a cluster. Simulation and contract tests
 * run behind it, so that a verb nobody declared fails there and not at a customer.
 */
import type { Permission, Verb } from '../domain/permissions';
import { PODS, resourceName, type ResourceType } from '../domain/resources';
import { Forbidden } from './errors';
import type { ClusterPort, ObjectName } from './ports';

/** What one call needs. */
interface Need {
  readonly resource: ResourceType;
  readonly verbs: readonly Verb[];
  readonly namespace?: string;
  readonly subresource?: 'status' | 'eviction';
}

/** Wraps a port; calls outside of `permissions` reject with `Forbidden`. */
export function declaredPort(port: ClusterPort, permissions: readonly Permission[]): ClusterPort {
  const refusal = (need: Need): Forbidden | undefined => {
    const missing = need.verbs.filter((verb) => !permissions.some((one) => allows(one, need, verb)));
    if (missing.length === 0) return undefined;
    const what = resourceName(need.resource) + (need.subresource ? `/${need.subresource}` : '');
    const message = `${missing.join(', ')} on ${what} is not declared in the table of permissions (lib/domain); declare it with its reason`;
    return new Forbidden(message, 403, 'Forbidden');
  };
  const guarded = async <T>(need: Need, call: () => Promise<T>): Promise<T> => {
    const refused = refusal(need);
    if (refused) throw refused;
    return call();
  };
  const need = (resource: ResourceType, verbs: readonly Verb[], name: Partial<ObjectName> = {}): Need => ({
    resource,
    verbs,
    namespace: name.namespace,
  });

  return {
    list: (resource, options) => guarded(need(resource, ['list'], options), () => port.list(resource, options)),
    get: (resource, name) => guarded(need(resource, ['get'], name), () => port.get(resource, name)),
    create: (resource, object) =>
      guarded(need(resource, ['create'], object.metadata), () => port.create(resource, object)),
    mergePatch: (resource, name, patch, options) =>
      guarded({ ...need(resource, ['patch'], name), subresource: options?.subresource }, () =>
        port.mergePatch(resource, name, patch, options),
      ),
    // Server-side apply also asks for create when the object is absent, and nobody knows before.
    apply: (resource, object, options) =>
      guarded(
        {
          ...need(resource, options.subresource ? ['patch'] : ['patch', 'create'], object.metadata),
          subresource: options.subresource,
        },
        () => port.apply(resource, object, options),
      ),
    delete: (resource, name, options) =>
      guarded(need(resource, ['delete'], name), () => port.delete(resource, name, options)),
    evict: (pod, options) =>
      guarded({ ...need(PODS, ['create'], pod), subresource: 'eviction' }, () => port.evict(pod, options)),
    watch: (resource, options, listener) => {
      const refused = refusal(need(resource, ['watch'], options));
      if (!refused) return port.watch(resource, options, listener);
      let stopped = false;
      void Promise.resolve().then(() => !stopped && listener.onEnd(refused));
      return { stop: () => (stopped = true) };
    },
  };
}

function allows(permission: Permission, need: Need, verb: Verb): boolean {
  if (permission.namespace !== undefined && need.namespace !== permission.namespace) return false;
  return (
    permission.resource.plural === need.resource.plural &&
    permission.resource.group === need.resource.group &&
    permission.subresource === need.subresource &&
    permission.verbs.includes(verb)
  );
}
