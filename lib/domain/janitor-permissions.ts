/** The rows of the process janitor in the table of permissions (permissions.ts): what frees stuck work, and what only looks. */
import { CONTROLLERS_NAMESPACE } from './namespaces';
import type { ControllerPermissions, ProcessPermissions, Verb } from './permissions';
import * as r from './resources';

const WATCH: readonly Verb[] = ['list', 'watch'];
/** Watched, and read live for the field manager that keeps changing it: caches keep none. */
const LOOK: readonly Verb[] = ['get', 'list', 'watch'];
/** Restarted in place, looked up as the owner of a pod, or copied when it has ended for good. */
const RESTART: readonly Verb[] = ['get', 'list', 'watch', 'create', 'patch'];

const POD_JANITOR: ControllerPermissions = {
  controller: 'pod-janitor',
  cluster: [
    { resource: r.JANITOR_POLICIES, verbs: WATCH, why: 'what may be done, and how much of it' },
    {
      resource: r.JANITOR_POLICIES,
      subresource: 'status',
      verbs: ['patch'],
      why: 'say whether the policy is understood, what is stuck and what was found',
    },
    {
      resource: r.PODS,
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
      why: 'what is stuck; live read right before a force delete; finalizers whose owner is gone; a copy of a pod that nobody owns',
    },
    {
      resource: r.PODS,
      subresource: 'status',
      verbs: ['patch'],
      why: 'DisruptionTarget before a force delete, so that it costs its owner no retry',
    },
    {
      resource: r.PODS,
      subresource: 'eviction',
      verbs: ['create'],
      why: 'restart gangs that have nothing to suspend',
    },
    {
      resource: r.NODES,
      verbs: ['get', 'list', 'watch', 'delete'],
      why: 'is the machine of a pod gone: live read right before; Nodes whose instance has ended, where the policy says so',
    },
    { resource: r.NODE_CLAIMS, verbs: WATCH, why: 'instances of our pools that never joined' },
    { resource: r.CAPACITY_POOLS, verbs: WATCH, why: 'which nodes are ours' },
    {
      resource: r.NAMESPACES,
      verbs: ['get', 'list', 'watch'],
      why: "which namespace's pods belong to which bucket, and which opted out: live read before a pod is freed",
    },
    { resource: r.NODE_MOVES, verbs: WATCH, why: 'gangs that a move holds are not touched' },
    { resource: r.CHECKPOINTS, verbs: WATCH, why: 'a gang that publishes progress and stops is hung' },
    {
      resource: r.FAULT_REPORTS,
      verbs: ['list', 'watch', 'create'],
      why: 'an image that fails on one node alone is the fault of the node; reports tell infrastructure from application',
    },
    {
      resource: r.RESUBMISSIONS,
      verbs: ['get', 'list', 'watch', 'create', 'delete'],
      why: 'the ledger: written before anything is started again; history is deleted after 7 days',
    },
    { resource: r.RESUBMISSIONS, subresource: 'status', verbs: ['patch'], why: 'tell the story of each attempt' },
    {
      resource: r.POD_GROUPS,
      verbs: ['get', 'list', 'watch', 'create', 'delete'],
      why: 'who is lost together; those whose owner is gone, where the policy says so',
    },
    {
      resource: r.VOLCANO_JOBS,
      verbs: ['get', 'list', 'watch', 'create', 'patch'],
      why: 'what their policies restart; restart and copy; note who suspended it',
    },
    {
      resource: r.VOLCANO_JOBS,
      subresource: 'status',
      verbs: ['patch'],
      why: 'give back the retry that a restart of ours has cost',
    },
    {
      resource: r.VOLCANO_COMMANDS,
      verbs: ['create', 'delete'],
      why: 'suspend and resume a gang: AbortJob, ResumeJob',
    },
    {
      resource: r.JOBS,
      verbs: ['get', 'list', 'watch', 'create', 'patch'],
      why: 'what their back-off restarts; restart and copy; is the owner of a finalizer gone',
    },
    { resource: r.JOB_SETS, verbs: RESTART, why: 'restart and copy a gang' },
    { resource: r.RAY_CLUSTERS, verbs: RESTART, why: 'restart and copy a gang' },
    { resource: r.RAY_JOBS, verbs: RESTART, why: 'restart and copy a gang' },
    { resource: r.PYTORCH_JOBS, verbs: RESTART, why: 'restart and copy a gang' },
    { resource: r.LEADER_WORKER_SETS, verbs: ['get', 'list', 'watch'], why: 'whether it restarts its group by itself' },
    { resource: r.STATEFUL_SETS, verbs: ['get'], why: 'is the owner of a finalizer gone' },
    { resource: r.REPLICA_SETS, verbs: ['get'], why: 'is the owner of a finalizer, or of a PodGroup, gone' },
    { resource: r.DEPLOYMENTS, verbs: ['get'], why: 'is the owner of a finalizer, or of a PodGroup, gone' },
    { resource: r.DAEMON_SETS, verbs: ['get'], why: 'is the owner of a finalizer gone' },
    {
      resource: r.VOLUME_CLAIMS,
      verbs: ['get', 'list', 'watch'],
      why: 'pods with a volume that one node alone may write are precious: live read before a pod is freed',
    },
    {
      resource: r.VOLUME_ATTACHMENTS,
      verbs: ['get', 'list', 'watch', 'delete'],
      why: 'volumes that a dead node holds; detached where the policy says so',
    },
    { resource: r.EVENTS, verbs: WATCH, why: 'why a pod does not start' },
    { resource: r.LEASES, verbs: ['list'], why: 'a pod that holds the lease of a leader is precious' },
  ],
  cloud: [
    { action: 'ec2:DescribeInstanceStatus', why: 'the proof that an instance has ended: terminated or stopped, by id' },
    { action: 'ec2:DescribeInstances', why: 'instances of this cluster that never became nodes' },
    { action: 'ec2:DescribeNetworkInterfaces', why: 'interfaces that ended instances have left behind' },
    { action: 'ec2:DeleteNetworkInterface', on: 'interfaces', why: 'those, where the policy says so' },
  ],
};

const INVARIANTS: ControllerPermissions = {
  controller: 'invariants',
  cluster: [
    { resource: r.INVARIANT_POLICIES, verbs: WATCH, why: 'which rules, how bad, and what may be put right' },
    {
      resource: r.INVARIANT_POLICIES,
      subresource: 'status',
      verbs: ['patch'],
      why: 'what is broken, and who keeps changing it back',
    },
    {
      resource: r.NODES,
      verbs: ['get', 'list', 'watch', 'patch'],
      why: 'labels, taints and topology of nodes; who else writes them; network layers are filled in where they are missing',
    },
    { resource: r.PODS, verbs: WATCH, why: 'what distributed training needs of its pods; agents of nodes' },
    { resource: r.NAMESPACES, verbs: WATCH, why: 'buckets of namespaces' },
    { resource: r.CAPACITY_POOLS, verbs: WATCH, why: 'what pools say of their nodes' },
    { resource: r.CAPACITY_BUCKETS, verbs: WATCH, why: 'whether minimums can be met' },
    { resource: r.NODE_POOLS, verbs: LOOK, why: 'every pool has its taints; who else writes them' },
    { resource: r.NODE_CLASSES, verbs: WATCH, why: 'which security groups nodes with EFA are in' },
    { resource: r.QUEUES, verbs: LOOK, why: 'bucket, node group and queue agree; who else writes them' },
    { resource: r.POD_GROUPS, verbs: WATCH, why: 'who is in a gang' },
    { resource: r.SERVICES, verbs: WATCH, why: 'ranks find each other by the headless service of their gang' },
    { resource: r.NETWORK_POLICIES, verbs: WATCH, why: 'ranks may reach each other' },
    { resource: r.DISRUPTION_BUDGETS, verbs: WATCH, why: 'budgets that never let a node be emptied' },
    { resource: r.PRIORITY_CLASSES, verbs: WATCH, why: 'priorities are as shipped' },
    { resource: r.DAEMON_SETS, verbs: WATCH, why: 'every agent is on every accelerated node' },
    { resource: r.CSI_NODES, verbs: WATCH, why: 'the driver of every volume is on the node of its pods' },
    { resource: r.VOLUME_CLAIMS, verbs: WATCH, why: 'which volumes are shared' },
    { resource: r.VOLUMES, verbs: WATCH, why: 'which driver a volume needs' },
    { resource: r.VALIDATING_POLICIES, verbs: WATCH, why: 'admission policies are as shipped' },
    { resource: r.VALIDATING_BINDINGS, verbs: WATCH, why: 'admission policies are in force' },
    { resource: r.MUTATING_POLICIES, verbs: WATCH, why: 'admission policies are as shipped' },
    { resource: r.MUTATING_BINDINGS, verbs: WATCH, why: 'admission policies are in force' },
    { resource: r.CONFIG_MAPS, verbs: WATCH, namespace: CONTROLLERS_NAMESPACE, why: 'what was shipped' },
  ],
  cloud: [
    {
      action: 'ec2:DescribeInstanceTopology',
      why: 'where nodes are in the network: labels agree, missing ones are filled in',
    },
    { action: 'ec2:DescribeSecurityGroups', why: 'EFA needs a group that lets its members reach each other' },
  ],
};

/** The process. */
export const JANITOR_PERMISSIONS: ProcessPermissions = {
  process: 'janitor',
  controllers: [POD_JANITOR, INVARIANTS],
};
