/**
 * How each kind of workload is suspended and resumed: object as it is now → what to write. PURE.
 *
 * Whoever suspends puts its name on the workload; a suspension without the name of whoever asks is somebody else's, and stays. Both ways can
 * be asked again and again: each reads what is there, and says what is left to do.
 */
import type { KubeObject, PodSpec } from '../../domain/kube';
import { isTrue } from '../../domain/conditions';
import { JOB_SETS, JOBS, PYTORCH_JOBS, RAY_CLUSTERS, RAY_JOBS, type ResourceType } from '../../domain/resources';
import { workloadKey, type WorkloadKind } from '../workloads';
import { volcanoJobAdapter } from './volcano-job';
import { isOurs, note, type GangAdapter } from './words';

/** Where a kind has its field. */
interface SuspendField {
  readonly resource: ResourceType;
  read(spec: any): boolean;
  write(suspend: boolean): object;
  /** Whether the operator takes the field for this object; those it would refuse are evicted. */
  accepts?(spec: any): boolean;
}

/** Field and note in ONE patch: there is no moment in which a suspended workload does not say by whom. */
function fieldAdapter({ resource, read, write, accepts = () => true }: SuspendField): GangAdapter {
  return {
    resource,
    suspend(workload, ask) {
      const suspended = read(workload.spec);
      if (isOurs(workload, ask) && suspended) return { writes: [] };
      if (suspended || hasEnded(workload)) return { writes: [], outcome: 'Wait' };
      if (!accepts(workload.spec)) return { writes: [], outcome: 'Evict' };
      return { writes: [{ verb: 'Patch', patch: { metadata: note(ask.by), spec: write(true) } }] };
    },
    resume(workload, ask) {
      if (!isOurs(workload, ask)) return { writes: [], outcome: 'Resumed' };
      return {
        writes: [{ verb: 'Patch', patch: { metadata: note(null), spec: write(false) } }],
        outcome: 'Resumed',
      };
    },
  };
}

function hasEnded({ status }: KubeObject): boolean {
  return ['Complete', 'Completed', 'Failed', 'Succeeded'].some((type) => isTrue(status?.conditions, type));
}

const ownField = (resource: ResourceType, accepts?: SuspendField['accepts']): GangAdapter =>
  fieldAdapter({ resource, read: (spec) => spec?.suspend === true, write: (suspend) => ({ suspend }), accepts });

/** KubeRay fails a RayJob that is suspended without these: it could not take its cluster away. */
const rayJobMayStop = (spec: {
  readonly shutdownAfterJobFinishes?: boolean;
  readonly clusterSelector?: PodSpec['nodeSelector'];
}): boolean => spec.shutdownAfterJobFinishes === true && Object.keys(spec.clusterSelector ?? {}).length === 0;

/** Labels that KubeRay puts on the RayClusters it makes, and not on their pods. */
const MADE_BY = { kind: 'ray.io/originated-from-crd', name: 'ray.io/originated-from-cr-name' } as const;

/** The RayCluster of a RayJob is deleted and made anew: the RayJob is asked. A RayService knows no suspension. */
const rayClusterAdapter: GangAdapter = {
  ...ownField(RAY_CLUSTERS),
  suspend(cluster, ask) {
    const { namespace = '', labels = {} } = cluster.metadata;
    const [kind, name] = [labels[MADE_BY.kind], labels[MADE_BY.name]];
    if (kind === undefined || name === undefined) return ownField(RAY_CLUSTERS).suspend(cluster, ask);
    if (kind !== 'RayJob') return { writes: [], outcome: 'Evict' };
    return { writes: [], maker: workloadKey({ kind, namespace, name }) };
  },
};

/** Adapters by kind; kinds without one are evicted. */
export const ADAPTERS: Readonly<Partial<Record<WorkloadKind, GangAdapter>>> = {
  VolcanoJob: volcanoJobAdapter,
  Job: ownField(JOBS),
  JobSet: ownField(JOB_SETS),
  RayCluster: rayClusterAdapter,
  RayJob: ownField(RAY_JOBS, rayJobMayStop),
  PyTorchJob: fieldAdapter({
    resource: PYTORCH_JOBS,
    read: (spec) => spec?.runPolicy?.suspend === true,
    write: (suspend) => ({ runPolicy: { suspend } }),
  }),
};
