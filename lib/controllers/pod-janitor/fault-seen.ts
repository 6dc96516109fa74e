/** FaultReport → what gangs and resubmission look at. PURE. */
import { parseTime, type KubeObject } from '../../domain/kube';
import { once } from '../../fleet';
import type { FaultSeen } from './work-snapshot';

/** Reads one. */
export const toFaultSeen: (report: KubeObject) => FaultSeen = once(
  ({ metadata, spec = {}, status = {} }): FaultSeen => {
    const node: string | undefined = status.node ?? spec.node;
    // The earlier of when it was seen and when it was written: with a clock that is ahead it would be about whatever is done next, too.
    const times = [spec.observedAt, metadata.creationTimestamp].flatMap((time) => parseTime(time) ?? []);
    return {
      ...(node === undefined ? {} : { node }),
      ...(status.node === undefined ? {} : { counted: true }),
      ...(spec.pod === undefined ? {} : { pod: `${metadata.namespace}/${spec.pod}` }),
      kind: spec.kind,
      severity: spec.severity,
      observedAtMs: times.length === 0 ? 0 : Math.min(...times),
    };
  },
);
