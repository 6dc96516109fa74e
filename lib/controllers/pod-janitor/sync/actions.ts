/** What cache sync can do. Each carries what must still be so, live, right before: see recheck.ts. An instance is never ended here. */
import type { OwnerReference } from '../../../domain/kube';
import type { SyncKind } from './snapshot';

/** Why the end of an instance is certain. Remembered: EC2 said so once, by its id, and has forgotten it since; ids do not come back. */
export interface EndOfInstance {
  readonly instanceId: string;
  readonly said: 'Now' | 'Remembered';
}

interface Repair {
  readonly finding: SyncKind;
  /** As in the finding. */
  readonly object: string;
  /** For Events and logs. */
  readonly message: string;
}

/** Deletes a Node whose instance EC2 has terminated. */
export interface DeleteNode extends Repair {
  readonly type: 'DeleteNode';
  readonly name: string;
  readonly uid: string;
  readonly end: EndOfInstance;
}

/** Deletes a VolumeAttachment to an instance that EC2 has terminated: the CSI driver detaches, and takes its finalizer off. */
export interface DeleteAttachment extends Repair {
  readonly type: 'DeleteAttachment';
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string;
  readonly end: EndOfInstance;
}

/** Deletes a network interface that an ended instance has left behind; CloudPort looks at both live. */
export interface DeleteInterface extends Repair {
  readonly type: 'DeleteInterface';
  readonly interfaceId: string;
  readonly instanceId: string;
}

/** Deletes a PodGroup without owner and without pods. */
export interface DeletePodGroup extends Repair {
  readonly type: 'DeletePodGroup';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** All of them must be gone. Never empty. */
  readonly owners: readonly OwnerReference[];
}

/** A repair. */
export type SyncAction = DeleteNode | DeleteAttachment | DeleteInterface | DeletePodGroup;

/** What became of it. Refused: nothing was touched, and `why` says in a sentence what kept us. */
export interface SyncOutcome {
  readonly outcome: 'Done' | 'AlreadyGone' | 'Refused';
  readonly why?: string;
}
