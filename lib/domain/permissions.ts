/**
 * Every verb each controller uses, and why. The one table from which RBAC and IAM are generated, which the simulator enforces on
 * every call, and which the audit log of the proof bed is compared with: used ⊆ declared = granted.
 */
import { JANITOR_PERMISSIONS } from './janitor-permissions';
import { CONTROLLERS_NAMESPACE, VALIDATION_NAMESPACE } from './namespaces';
import * as r from './resources';
import type { ResourceType } from './resources';

/** Kubernetes RBAC verbs we know. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'update' | 'delete';

/** One permission in Kubernetes. */
export interface Permission {
  readonly resource: ResourceType;
  readonly subresource?: 'status' | 'eviction';
  readonly verbs: readonly Verb[];
  readonly why: string;
  /** Granted only in this namespace. Absent: everywhere. */
  readonly namespace?: string;
}

/** One permission in AWS. */
export interface CloudPermission {
  readonly action: string;
  readonly why: string;
  /**
   * What it may be done to. Absent: everything, which only actions that read may. `evidence`: objects of node health's evidence.
   * `nodeGroups`: instances of managed node groups of this cluster, by the tags that EKS puts on them. `interfaces`: network interfaces
   * that the VPC CNI made for this cluster, by its tag.
   */
  readonly on?: 'evidence' | 'nodeGroups' | 'interfaces';
}

/** What one controller may do. */
export interface ControllerPermissions {
  readonly controller: string;
  readonly cluster: readonly Permission[];
  readonly cloud: readonly CloudPermission[];
}

/** What runs together in one process under one service account, and may therefore do together. */
export interface ProcessPermissions {
  /** Name of the Deployment and its service account is `aicluster-<name>`. */
  readonly process: 'capacity' | 'health' | 'janitor';
  readonly controllers: readonly ControllerPermissions[];
}

const WATCH: readonly Verb[] = ['list', 'watch'];

/** What the runtime itself needs in every process. */
export const RUNTIME_PERMISSIONS: ControllerPermissions = {
  controller: 'runtime',
  cluster: [
    {
      resource: r.LEASES,
      verbs: ['get', 'create', 'patch'],
      namespace: CONTROLLERS_NAMESPACE,
      why: 'one leader at a time',
    },
    { resource: r.EVENTS, verbs: ['create', 'patch'], why: 'say in kubectl describe what was done and why' },
  ],
  cloud: [],
};

/** The table. */
export const PERMISSIONS: readonly ProcessPermissions[] = [
  {
    process: 'capacity',
    controllers: [
      {
        controller: 'pools',
        cluster: [
          {
            resource: r.CAPACITY_POOLS,
            verbs: ['list', 'watch', 'patch'],
            why: 'what to supply; finalizer: the NodePool goes before the pool',
          },
          {
            resource: r.CAPACITY_POOLS,
            subresource: 'status',
            verbs: ['patch'],
            why: 'report nodes, window, conditions',
          },
          {
            resource: r.NODE_POOLS,
            verbs: ['list', 'watch', 'create', 'patch', 'delete'],
            why: 'one static NodePool per pool',
          },
          {
            resource: r.NODE_CLAIMS,
            verbs: ['list', 'watch', 'patch'],
            why: 'see launches; cut a hanging drain short',
          },
          {
            resource: r.NODES,
            verbs: ['get', 'list', 'watch', 'delete'],
            why: 'remove a named node; live read right before',
          },
          {
            resource: r.NODE_MOVES,
            verbs: ['list', 'watch', 'create', 'delete'],
            why: 'which nodes moves has emptied; ask for the end of a block, take it back when it is extended',
          },
        ],
        cloud: [
          { action: 'ec2:DescribeCapacityReservations', why: 'read the window and size of blocks and reservations' },
          { action: 'ec2:DescribeInstances', why: 'see whose an instance is, right before it is ended' },
          {
            action: 'ec2:TerminateInstances',
            on: 'nodeGroups',
            why: 'replace an emptied node of a managed node group: the group makes another',
          },
        ],
      },
      {
        controller: 'capacity',
        cluster: [
          { resource: r.CAPACITY_BUCKETS, verbs: WATCH, why: 'bounds and priorities' },
          {
            resource: r.CAPACITY_BUCKETS,
            subresource: 'status',
            verbs: ['patch'],
            why: 'report owned, demand, target, why not',
          },
          { resource: r.CAPACITY_POOLS, verbs: WATCH, why: 'what can be had' },
          {
            resource: r.CAPACITY_POOLS,
            subresource: 'status',
            verbs: ['patch'],
            why: 'ask an on-demand pool for nodes',
          },
          { resource: r.NODE_MOVES, verbs: ['list', 'watch', 'create'], why: 'decide which nodes change bucket' },
          { resource: r.NODES, verbs: WATCH, why: 'what there is' },
          {
            resource: r.PODS,
            verbs: ['list', 'watch', 'patch'],
            why: 'demand, and what each node works on; pod-deletion-cost, so that shrinking Deployments empty whole nodes',
          },
          { resource: r.POD_GROUPS, verbs: WATCH, why: 'gangs are all or nothing' },
          { resource: r.VOLCANO_JOBS, verbs: WATCH, why: 'whether losing one pod restarts a whole gang' },
          { resource: r.CHECKPOINTS, verbs: WATCH, why: 'what a gang would lose' },
          { resource: r.DISRUPTION_BUDGETS, verbs: WATCH, why: 'which work may not be disturbed now' },
          { resource: r.NAMESPACES, verbs: WATCH, why: "which namespace's pods belong to which bucket" },
          {
            resource: r.QUEUES,
            verbs: ['list', 'watch', 'create', 'patch', 'delete'],
            why: 'one Volcano queue per bucket, following its nodes',
          },
        ],
        cloud: [],
      },
      {
        controller: 'moves',
        cluster: [
          {
            resource: r.NODE_MOVES,
            verbs: ['get', 'list', 'watch', 'patch', 'delete'],
            why: 'what to move; finalizer: claims go before the move; history is deleted after 7 days',
          },
          { resource: r.NODE_MOVES, subresource: 'status', verbs: ['patch'], why: 'tell the story of a move' },
          { resource: r.NODES, verbs: ['list', 'watch', 'patch'], why: 'claim, taint and hand over nodes' },
          {
            resource: r.PODS,
            verbs: ['list', 'watch', 'patch'],
            why: 'nothing may run there when a node is handed over: live list by node; ask for a checkpoint by annotation',
          },
          { resource: r.POD_GROUPS, verbs: WATCH, why: 'who is lost together' },
          {
            resource: r.CHECKPOINTS,
            verbs: ['list', 'watch', 'delete'],
            why: 'the answer of a gang that was asked for a checkpoint; those of runs that are over are deleted after 7 days',
          },
          { resource: r.DISRUPTION_BUDGETS, verbs: WATCH, why: 'suspending a gang asks no budget by itself' },
          { resource: r.VOLCANO_JOBS, verbs: ['get', 'patch'], why: 'note who suspended it' },
          {
            resource: r.VOLCANO_JOBS,
            subresource: 'status',
            verbs: ['patch'],
            why: 'give back the retry a move has cost',
          },
          {
            resource: r.VOLCANO_COMMANDS,
            verbs: ['create', 'delete'],
            why: 'suspend and resume a gang: AbortJob, ResumeJob; take an order back that nobody has carried out',
          },
          { resource: r.JOBS, verbs: ['get', 'patch'], why: 'suspend and resume a gang: spec.suspend' },
          { resource: r.JOB_SETS, verbs: ['get', 'patch'], why: 'suspend and resume a gang: spec.suspend' },
          { resource: r.RAY_CLUSTERS, verbs: ['get', 'patch'], why: 'suspend and resume a gang: spec.suspend' },
          { resource: r.RAY_JOBS, verbs: ['get', 'patch'], why: 'suspend and resume a gang: spec.suspend' },
          {
            resource: r.PYTORCH_JOBS,
            verbs: ['get', 'patch'],
            why: 'suspend and resume a gang: spec.runPolicy.suspend',
          },
          { resource: r.NAMESPACES, verbs: WATCH, why: "which namespace's pods belong to which bucket" },
          {
            resource: r.PODS,
            subresource: 'eviction',
            verbs: ['create'],
            why: 'evict pods alone, and those that landed late',
          },
          {
            resource: r.CAPACITY_BUCKETS,
            verbs: ['list', 'watch', 'patch'],
            why: 'where nodes go; finalizer: nodes are released before a bucket goes',
          },
        ],
        cloud: [],
      },
    ],
  },
  {
    process: 'health',
    controllers: [
      {
        controller: 'node-health',
        cluster: [
          {
            resource: r.NODES,
            verbs: ['list', 'watch', 'patch'],
            why: 'probation and verdict of each node',
          },
          { resource: r.NODES, subresource: 'status', verbs: ['patch'], why: 'the condition AiClusterValidated' },
          {
            resource: r.NODE_MOVES,
            verbs: ['list', 'watch', 'create'],
            why: 'take suspected nodes from work, and failed ones away',
          },
          {
            resource: r.NODE_VALIDATIONS,
            verbs: ['list', 'watch', 'create', 'delete'],
            why: 'one for each batch; history is deleted after 7 days',
          },
          {
            resource: r.NODE_VALIDATIONS,
            subresource: 'status',
            verbs: ['patch'],
            why: 'rounds, results and verdicts',
          },
          {
            resource: r.FAULT_REPORTS,
            verbs: ['list', 'watch', 'delete'],
            why: 'what others saw; old ones are deleted',
          },
          { resource: r.FAULT_REPORTS, subresource: 'status', verbs: ['patch'], why: 'say what a report led to' },
          {
            resource: r.NODE_HEALTH_POLICIES,
            verbs: WATCH,
            why: 'thresholds, brakes, and the word of a person who resets them',
          },
          {
            resource: r.NODE_HEALTH_POLICIES,
            subresource: 'status',
            verbs: ['patch'],
            why: 'report verdicts and the breaker',
          },
          {
            resource: r.CAPACITY_POOLS,
            verbs: WATCH,
            why: 'how deeply a node is proved, and whether another one can be had',
          },
          { resource: r.CAPACITY_BUCKETS, verbs: WATCH, why: 'never below the minimum of a bucket' },
          { resource: r.NAMESPACES, verbs: WATCH, why: "which namespace's pods belong to which bucket" },
          { resource: r.PODS, verbs: WATCH, why: 'which nodes are idle; the node of a pod that reports a fault' },
          {
            resource: r.PODS,
            verbs: ['create', 'delete'],
            namespace: VALIDATION_NAMESPACE,
            why: 'checks are pods',
          },
          {
            resource: r.EVENTS,
            verbs: WATCH,
            namespace: 'default',
            why: 'what the node monitoring agent says about nodes; Events of Nodes are in this namespace',
          },
        ],
        cloud: [
          { action: 'ec2:DescribeInstanceStatus', why: 'status checks and scheduled events of instances' },
          { action: 'ec2:DescribeInstances', why: 'see whose an instance is, right before it is rebooted' },
          {
            action: 'ec2:RebootInstances',
            on: 'nodeGroups',
            why: 'mend a failed node of a managed node group before it is replaced',
          },
          { action: 's3:PutObject', on: 'evidence', why: 'evidence outlives the node' },
        ],
      },
    ],
  },
  JANITOR_PERMISSIONS,
];

/** Every permission of a process, runtime included. */
export function permissionsOf(process: ProcessPermissions): readonly Permission[] {
  return [RUNTIME_PERMISSIONS, ...process.controllers].flatMap(({ cluster }) => cluster);
}
