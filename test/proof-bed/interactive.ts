import { type Bed, NODE_CLASS_REF, startBed } from './bed';

/** A NodePool to try the bed with: three p5 nodes from a "reservation", as a Capacity Block's pool would ask for. */
const EXAMPLE_POOL = `
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: p5}
spec:
  replicas: 3
  limits: {nodes: 4}
  template:
    spec:
      nodeClassRef: {group: ${NODE_CLASS_REF.group}, kind: ${NODE_CLASS_REF.kind}, name: ${NODE_CLASS_REF.name}}
      taints: [{key: aicluster.dev/unassigned, value: "true", effect: NoSchedule}]
      requirements:
      - {key: node.kubernetes.io/instance-type, operator: In, values: [p5.48xlarge]}
      - {key: karpenter.sh/capacity-type, operator: In, values: [reserved]}
      - {key: topology.kubernetes.io/zone, operator: In, values: [us-east-2a]}
`;

const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  // The handlers come first: Ctrl-C during the start must clear away as well.
  const interrupted = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => resolve());
  });
  const started = Date.now();
  say('Starting etcd, Kubernetes 1.36, KWOK, Karpenter and the Volcano CRDs …');
  const starting = startBed({ karpenter: true, volcanoCrds: true, say: (line) => say(`  ${line}`) });
  // Ctrl-C before the bed is up: we end, and the bed's guard clears away what has been started.
  const bed = await Promise.race([starting, interrupted.then(() => undefined)]);
  if (!bed) process.exit(130);
  introduce(bed, Date.now() - started);
  const keepAlive = setInterval(() => undefined, 60_000);
  await interrupted;
  clearInterval(keepAlive);
  say('\nStopping …');
  await bed.stop();
  say('Nothing is left running.');
}

function introduce(bed: Bed, tookMs: number): void {
  say(`Ready after ${(tookMs / 1000).toFixed(1)} s. In another terminal:

  export KUBECONFIG=${bed.kubeconfigPath}
  kubectl get nodepools,nodes
  kubectl apply -f - <<'EOF'${EXAMPLE_POOL}EOF
  kubectl get nodes -L node.kubernetes.io/instance-type,karpenter.sh/capacity-type,topology.kubernetes.io/zone
  kubectl scale nodepool p5 --replicas=1

Logs: ${bed.folder}/*.log · no kubectl on your PATH? It lies in ${bed.programs}
Ctrl-C stops everything.`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
