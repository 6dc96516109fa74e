/**
 * The reference cluster: one Capacity Block of P5 nodes, on-demand L40S nodes beside it, three buckets.
 *
 * Two stacks: *foundation* (network, key, cluster, storage) changes once a year; *workloads* (charts, controllers, buckets) changes weekly,
 * and when its deployment fails nothing of the foundation rolls back.
 *
 * Context (`-c name=value`), each with a sample value so that it synthesizes without any:
 *   region, zones (comma-separated), reservationId, reservationZone, blockNodes, onDemandNodes, adminRole (ARN)
 */
import { type App, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { AiCluster, AiFoundation, Capacity, Priority } from '../lib';

/** Adds the two stacks to an app and returns them. */
export function aiClusterBlueprint(app: App): { readonly foundation: Stack; readonly workloads: Stack } {
  const text = (name: string, sample: string): string => app.node.tryGetContext(name) ?? sample;
  const region = text('region', 'us-east-2');
  const zones = text('zones', ['a', 'b', 'c'].map((zone) => region + zone).join()).split(',');
  const capacity = [
    Capacity.block('p5', {
      instanceType: 'p5.48xlarge',
      reservationId: text('reservationId', 'cr-0123456789abcdef0'),
      availabilityZone: text('reservationZone', zones[0]!),
      nodes: { max: wholeNumber(text, 'blockNodes', 16) },
    }),
    Capacity.onDemand('l40s', {
      instanceType: 'g6e.48xlarge',
      nodes: { max: wholeNumber(text, 'onDemandNodes', 8) },
      // Inference may need more of them within minutes.
      validation: 'Quick',
    }),
    Capacity.autoscaled('a10g', { instanceFamilies: ['g5'], maxGpus: 32 }),
  ];

  const foundationStack = new Stack(app, 'AiFoundation', {
    env: { region },
    description: 'Network, key, EKS Auto Mode cluster, storage',
  });
  const foundation = new AiFoundation(foundationStack, 'Foundation', {
    availabilityZones: zones,
    capacity,
    clusterName: 'ai-cluster',
    adminRoles: [
      iam.Role.fromRoleArn(
        foundationStack,
        'Admin',
        text('adminRole', 'arn:aws:iam::111122223333:role/platform-admin'),
      ),
    ],
  });

  const workloadsStack = new Stack(app, 'AiWorkloads', {
    env: { region },
    description: 'Node classes, controllers, pools, buckets',
  });
  new AiCluster(workloadsStack, 'Ai', {
    foundation,
    capacity,
    // Dashboard and alerts as ConfigMaps: that needs nothing which may not be there.
    monitoring: {},
    // Failed nodes are replaced, within the brakes. Begin with `dryRun: true` where you have nodes at work already.
    health: { dryRun: false },
    // Stuck work is freed and killed work comes back, within budgets. Begin with `dryRun: true` here, too.
    janitor: { dryRun: false },
    buckets: [
      {
        name: 'inference',
        priority: Priority.HIGH,
        nodes: { min: 3, max: 20 },
        instanceTypes: ['p5.48xlarge', 'g6e.48xlarge'],
      },
      { name: 'training', priority: Priority.NORMAL, nodes: { min: 4, max: 14 }, instanceTypes: ['p5.48xlarge'] },
      { name: 'batch', priority: Priority.LOW, nodes: { max: 8 }, instanceTypes: ['g6e.48xlarge', 'p5.48xlarge'] },
    ],
  });
  workloadsStack.addStackDependency(foundationStack);
  return { foundation: foundationStack, workloads: workloadsStack };
}

function wholeNumber(text: (name: string, sample: string) => string, name: string, sample: number): number {
  const given = text(name, String(sample));
  const value = Number(given);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`context ${name}=${given} is not a whole number above 0: pass for example -c ${name}=${sample}`);
}
