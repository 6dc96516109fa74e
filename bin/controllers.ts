/** The controllers: one process of them, named by the first argument. KUBECONFIG or the pod's service account says where. */
import { hostname } from 'node:os';
import { CONTROLLER_METRICS, controllersOf } from '../lib/controllers/processes';
import { ec2Cloud } from '../lib/runtime/aws/ec2';
import { evidenceStore } from '../lib/runtime/aws/s3';
import { openHttpDoor } from '../lib/runtime/http';
import { kubernetesClient } from '../lib/runtime/kubernetes/client';
import { loadConnection } from '../lib/runtime/kubernetes/kube-config';
import { LeaseLeadership } from '../lib/runtime/lease';
import { jsonLog } from '../lib/runtime/log';
import { RUNTIME_METRICS } from '../lib/runtime/metric-rows';
import { PrometheusMetrics } from '../lib/runtime/prometheus';
import { pruneFor } from '../lib/runtime/prune-wide';
import { runControllers } from '../lib/runtime/run-controllers';
import { endWell } from '../lib/runtime/shutdown';
import { systemClock as clock } from '../lib/runtime/system-clock';

/** Every look is at the whole fleet, and thousands of kubelets report all the time: no controller looks more often than this. */
const PACE_MS = 500;
const METRICS = [...CONTROLLER_METRICS, ...Object.values(RUNTIME_METRICS)];

async function main([name = '']: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { POD_NAMESPACE: namespace = 'aicluster-system', POD_NAME: identity = hostname(), HTTP_PORT = '8080' } = env;
  const controllers = controllersOf(name, { env, namespace });
  const log = jsonLog({ process: name, pod: identity }, env['LOG_LEVEL']);
  const metrics = new PrometheusMetrics(METRICS);
  const random = Math.random;
  const cluster = kubernetesClient({ connection: await loadConnection(), random, userAgent: `aicluster-${name}` });
  const ports = { cluster, clock, random, log };
  const leadership = new LeaseLeadership({ ...ports, namespace, name: `aicluster-${name}`, identity });
  const fatal = endWell(log, () => runner.stop());
  const about = { process: name, component: `aicluster.dev/${name}`, instance: identity };
  const limits = { prune: pruneFor(name), minIntervalMs: PACE_MS, clusterName: env['CLUSTER_NAME'] };
  const others = { cloud: ec2Cloud(), evidence: evidenceStore(env), metrics, leadership, onFatal: fatal };
  const runner = runControllers({ ...ports, ...others, ...about, ...limits, controllers });
  await openHttpDoor({ port: Number(HTTP_PORT), host: env['HTTP_HOST'], ready: () => runner.ready(), metrics });
  runner.start();
}

void main(process.argv.slice(2), process.env);
