/**
 * Whose fault it is that an image cannot be pulled. PURE. The same image failing on several nodes is the fault of whoever named it; on one
 * node, while others get it, the node's. Otherwise nobody knows, and a good node is not blamed.
 */
import type { JanitorContainer, JanitorPod } from './pod';
import type { PodEvent } from './snapshot';
import { isPulling, type StartCause } from './starting';

/** On which nodes images fail, and on which they came. */
export interface Pulls {
  readonly failing: ReadonlyMap<string, ReadonlySet<string>>;
  /** `namespace image` → node → when (epoch ms) a container last started from it. Credentials are a namespace's own. */
  readonly came: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** What started longer before than this proves nothing about a registry, a tag or a token of now. */
const PROVES_FOR_MS = 3_600_000;
/** On so many nodes it is not the node. */
const SEVERAL = 2;
/** The kubelet of any node would say the same: no such image, or no such name. */
const WORKLOAD_REASONS = ['InvalidImageName', 'ErrImageNeverPull'];
const WORKLOAD_MESSAGES = /manifest unknown|: not found\b|no match for platform|repository does not exist/i;
/** kubelet, when it has really pulled; "already present on machine" proves nothing (pkg/kubelet/images/image_manager.go). */
const PULLED = /^(?:spec\.\S+ )?Successfully pulled image "([^"]{1,1024})"/;

/** Looks at every pod of the cluster. */
export function readPulls(pods: readonly JanitorPod[], events: ReadonlyMap<string, readonly PodEvent[]>): Pulls {
  const failing = new Map<string, Set<string>>();
  const came = new Map<string, Map<string, number>>();
  for (const { facts, containers } of pods) {
    const { nodeName, namespace, uid } = facts;
    if (nodeName === undefined) continue;
    for (const { image } of containers.filter(isPulling))
      failing.set(image, (failing.get(image) ?? new Set()).add(nodeName));
    for (const [image, atMs] of arrivals(containers, events.get(uid) ?? [])) {
      const key = `${namespace} ${image}`;
      const nodes = came.get(key) ?? new Map<string, number>();
      came.set(key, nodes.set(nodeName, Math.max(nodes.get(nodeName) ?? 0, atMs)));
    }
  }
  return { failing, came };
}

/** Images that came to the node of these containers, and when. */
function arrivals(
  containers: readonly JanitorContainer[],
  events: readonly PodEvent[],
): readonly (readonly [image: string, atMs: number])[] {
  const started = containers.filter((one) => one.startedMs !== undefined && one.image !== '');
  const pulled = events.filter(({ reason }) => reason === 'Pulled');
  return [
    ...started.map(({ image, startedMs }) => [image, startedMs!] as const),
    ...pulled.flatMap(({ message, atMs }) => {
      const image = PULLED.exec(message)?.[1];
      return image ? [[image, atMs] as const] : [];
    }),
  ];
}

/** Whose fault it is that this pod's image does not come. */
export function blameOf(
  { facts }: Pick<JanitorPod, 'facts'>,
  cause: Extract<StartCause, { readonly state: 'ImagePull' }>,
  sinceMs: number,
  { failing, came }: Pulls,
): 'Workload' | 'Node' | 'Unknown' {
  const { image, reason, message } = cause;
  if (WORKLOAD_REASONS.includes(reason) || WORKLOAD_MESSAGES.test(message)) return 'Workload';
  if ((failing.get(image)?.size ?? 0) >= SEVERAL) return 'Workload';
  const nodes = came.get(`${facts.namespace} ${image}`) ?? new Map<string, number>();
  const elsewhere = [...nodes].some(([node, atMs]) => node !== facts.nodeName && atMs > sinceMs - PROVES_FOR_MS);
  return elsewhere ? 'Node' : 'Unknown';
}
