/** Every rule, in the order they are looked at: by name. A new rule is a file, two lines here and its id in `lib/domain/invariant-rules.ts`. */
import { acceleratorsAdvertised } from './accelerators-advertised';
import { admissionPoliciesUnmodified } from './admission-policies-unmodified';
import { agentsOnEveryNode } from './agents-on-every-node';
import { bucketKeysAgree } from './bucket-keys-agree';
import { budgetsLetDrain } from './budgets-let-drain';
import { csiDriversRegistered } from './csi-drivers-registered';
import { efaAdvertised } from './efa-advertised';
import { efaEnvironment } from './efa-environment';
import { efaSecurityGroup } from './efa-security-group';
import { efaWithAccelerators } from './efa-with-accelerators';
import { hugepagesAgree } from './hugepages-agree';
import { imageFitsDriver } from './image-fits-driver';
import { migOff } from './mig-off';
import { minimumsCanBeMet } from './minimums-can-be-met';
import { networkPoliciesLetRanksTalk } from './network-policies-let-ranks-talk';
import { nobodyToleratesProbation } from './nobody-tolerates-probation';
import { nodePartsWork } from './node-parts-work';
import { oneDriverPerGang } from './one-driver-per-gang';
import { oneSelinuxLevelPerVolume } from './one-selinux-level-per-volume';
import { oneZonePerGang } from './one-zone-per-gang';
import { poolsHaveTheirTaints } from './pools-have-their-taints';
import { priorityClassesUnmodified } from './priority-classes-unmodified';
import { queuesFollowBuckets } from './queues-follow-buckets';
import { ranksHaveNames } from './ranks-have-names';
import { ranksNotThrottled } from './ranks-not-throttled';
import { sharedMemorySized } from './shared-memory-sized';
import { topologyAgreesWithEc2 } from './topology-agrees-with-ec2';
import { topologyLabelsPresent } from './topology-labels-present';
import { topologyNests } from './topology-nests';
import type { Rule } from '../rule';

/** The table. */
export const RULES: readonly Rule[] = [
  acceleratorsAdvertised,
  admissionPoliciesUnmodified,
  agentsOnEveryNode,
  bucketKeysAgree,
  budgetsLetDrain,
  csiDriversRegistered,
  efaAdvertised,
  efaEnvironment,
  efaSecurityGroup,
  efaWithAccelerators,
  hugepagesAgree,
  imageFitsDriver,
  migOff,
  minimumsCanBeMet,
  networkPoliciesLetRanksTalk,
  nobodyToleratesProbation,
  nodePartsWork,
  oneDriverPerGang,
  oneSelinuxLevelPerVolume,
  oneZonePerGang,
  poolsHaveTheirTaints,
  priorityClassesUnmodified,
  queuesFollowBuckets,
  ranksHaveNames,
  ranksNotThrottled,
  sharedMemorySized,
  topologyAgreesWithEc2,
  topologyLabelsPresent,
  topologyNests,
];
