/** What the guide on node health and its runbooks show: objects, the Python that reports a fault, numbers, names. */
import * as fs from 'node:fs';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { parse } from 'yaml';
import { FaultReport, KINDS, NodeHealthPolicy } from '../../lib/api';
import { findInstanceType, healthThresholds, requireInstanceType } from '../../lib/catalog';
import { ALERT_PREFIX, ALERTS, FAULT_REPORTER, FaultReportsChart, faultReporterBinding } from '../../lib/charts';
import { EVIDENCE_PREFIX } from '../../lib/constructs/cloud-statements';
import { toNodeHealthPolicy } from '../../lib/constructs/health';
import { RESET_ANNOTATION } from '../../lib/controllers/node-health/reading';
import { OWNER_MOST, THRESHOLD, WEIGHT_ROWS, WINDOW_MS } from '../../lib/controllers/node-health/reports';
import { faultOfReport } from '../../lib/controllers/node-health/faults';
import { CONTROLLERS_NAMESPACE } from '../../lib/domain/namespaces';
import { ClientPod, describeWithPython, guideBlocks, makeCertificate } from './client-pod';

const ROOT = path.join(__dirname, '../..');
const read = (file: string) => fs.readFileSync(path.join(ROOT, 'docs', file), 'utf8');
const GUIDE = read('guides/node-health.md');
const NOW_MS = Date.UTC(2026, 10, 26, 4);
const objects: any[] = guideBlocks('yaml', 'node-health.md').map((block) => parse(block));

describe('the guide on node health', () => {
  it('shows objects of five Kinds, and the runbooks more of them', () => {
    expect(objects.map(({ kind }) => kind)).toEqual([
      'NodeHealthPolicy',
      'CapacityPool',
      'FaultReport',
      'FaultReport',
      'NodeValidation',
      'NodeMove',
    ]);
  });

  const inRunbooks = ['nodes-unreliable', 'nodes-held-back-long', 'node-health-is-down'].flatMap((page) =>
    [...read(`runbooks/${page}.md`).matchAll(/<<< '(\{.*\})'/g)].map(([, json]) =>
      JSON.parse(json!.replaceAll('"N"', '"i-0a"')),
    ),
  );

  it.each([...objects, ...inRunbooks].map((object) => [object.kind, object] as const))(
    'shows a %s that the API server takes',
    (kind, { metadata, spec }) => {
      const name = metadata.name ?? `${metadata.generateName}x7k2p`;
      const known = KINDS.find((one) => one.kind === kind)!;
      // Throws for fields that are wrong, and for those that there are not.
      expect(known.make(name, spec).spec).toMatchObject(spec);
    },
  );

  it('finds such objects in the runbooks, too', () => {
    expect(inRunbooks.length).toBeGreaterThanOrEqual(4);
  });

  it('overrides measurements that there are, and says the same in CDK', () => {
    const type = requireInstanceType('p5.48xlarge');
    const names = new Set(healthThresholds(type, { nodes: 1, algorithm: 'auto' }).map((row) => row.measurement));
    const { checks } = objects[0].spec;
    expect(
      checks
        .map(({ name }: any) => name)
        .filter((name: string) => !names.has(name) && !/^gpu\.xid\.\d+\.count$/.test(name)),
    ).toEqual([]);
    for (const known of checks.flatMap(({ instanceTypes = [] }: any) => instanceTypes))
      expect(findInstanceType(known)).toBeDefined();
    const cdk = { checks: [{ name: 'gpu.hbm.gb_s', instanceTypes: ['p5.48xlarge'], min: 2400 }] };
    expect(GUIDE).toContain(
      `health: { checks: [{ name: 'gpu.hbm.gb_s', instanceTypes: ['p5.48xlarge'], min: 2400 }] }`,
    );
    const made: any = toNodeHealthPolicy(cdk);
    const shown: any = NodeHealthPolicy.make('default', objects[0].spec);
    expect(made.spec.checks[0]).toEqual(shown.spec.checks[0]);
  });

  it('reports from a pod what counts against the node of the pod, and by hand what a person says of a node', () => {
    const [pod, person] = objects.filter(({ kind }) => kind === 'FaultReport');
    const named = (report: any) => ({ ...report, metadata: { ...report.metadata, name: 'r' } });
    const workload = faultOfReport(named(pod), { podNode: 'i-0a', owner: 'llama', person: false }, NOW_MS);
    expect(workload).toMatchObject({ node: 'i-0a', source: 'Workload', kind: 'NcclTimeout', loudness: 'Critical' });
    expect(person.metadata.namespace).toBe(CONTROLLERS_NAMESPACE);
    const said = faultOfReport(named(person), { person: true }, NOW_MS);
    expect(said).toMatchObject({ node: person.spec.node, source: 'Person', kind: 'Xid', code: 79 });
  });

  it('tells the weights, the sum and the window that the code adds up with', () => {
    const rows = [...GUIDE.matchAll(/^\| (\w+) \| (\d) \| (\d) \| (\d) \|$/gm)].map(([, source, ...weights]) => {
      const [Critical, Warning, Info] = weights.map(Number);
      return { source, Critical, Warning, Info };
    });
    expect(rows).toEqual(WEIGHT_ROWS);
    expect(GUIDE).toContain(`at ${THRESHOLD} the node is\nsuspected`);
    expect(GUIDE).toContain(`One workload adds at most ${OWNER_MOST}`);
    expect([WINDOW_MS / 3_600_000, GUIDE.includes('within six hours')]).toEqual([6, true]);
  });

  it('gives by hand, in a namespace of your own, what the chart gives', () => {
    const command = guideBlocks('sh', 'node-health.md').find((block) => block.includes('create rolebinding'))!;
    const words = command.replaceAll('NAMESPACE', 'own').replace('\\\n', ' ').trim().split(/\s+/);
    const { metadata, roleRef, subjects }: any = faultReporterBinding('own');
    const flags = ['-n', metadata.namespace, '--clusterrole', roleRef.name, '--group', subjects[0].name];
    expect(words).toEqual(['kubectl', 'create', 'rolebinding', metadata.name, ...flags]);
    expect([roleRef.name, GUIDE.includes(`\`${FAULT_REPORTER}\``)]).toEqual([FAULT_REPORTER, true]);
    expect(GUIDE).toContain(`new ${FaultReportsChart.name}(`);
  });

  it('names the reset, the prefix of the evidence, an alert and pages that are there', () => {
    expect(GUIDE).toContain(`${RESET_ANNOTATION}=`);
    expect(GUIDE).toContain(`\`${EVIDENCE_PREFIX}VALIDATION/round-1.jsonl\``);
    const names = [...GUIDE.matchAll(/[Aa]lert `AiCluster(\w+)`/g)].map(([, name]) => name);
    const alerts = ALERTS.map(({ name }) => name);
    expect([ALERT_PREFIX, names.length > 0, names.filter((name) => !alerts.includes(name!))]).toEqual([
      'AiCluster',
      true,
      [],
    ]);
    for (const [, link] of GUIDE.matchAll(/\]\(([^)]+\.md)\)/g))
      expect([link, fs.existsSync(path.join(ROOT, 'docs/guides', link!))]).toEqual([link, true]);
  });

  it('has a runbook that says what to do about every brake', () => {
    const words = fs.readFileSync(path.join(ROOT, 'lib/controllers/node-health/removals.ts'), 'utf8');
    const [, union] = /export type Brake =([^;]+);/.exec(words)!;
    const brakes = [...union!.matchAll(/'(\w+)'/g)].map(([, brake]) => brake!);
    const page = read('runbooks/nodes-held-back-long.md');
    expect(brakes.length).toBeGreaterThan(15);
    expect(brakes.filter((brake) => !page.includes(`\`${brake}\``))).toEqual([]);
  });
});

describeWithPython('the Python of the guide', () => {
  it('makes a report of its pod that the API server takes, with the token of the pod and through no proxy', async () => {
    const certificate = makeCertificate();
    const asked: any[] = [];
    const server = https.createServer(certificate, async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked.push({
        url: request.url,
        token: request.headers.authorization,
        body: JSON.parse(String(Buffer.concat(chunks))),
      });
      response.end(JSON.stringify({ metadata: { name: 'llama-worker-3-x7k2p' } }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const serverUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pod = new ClientPod({ serverUrl, authority: certificate.cert, namespace: 'training', token: 't' });
    try {
      const [code] = guideBlocks('python', 'node-health.md');
      const call = `report_fault("llama-worker-3", "Xid", "x" * 2000, code=79, server=${JSON.stringify(serverUrl)})`;
      const { out, said } = await pod.run(code!, 'ACCOUNT = c.ACCOUNT', `print(${call})`);
      expect([out, said]).toEqual(['llama-worker-3-x7k2p', '']);
      const [{ url, token, body }] = asked;
      expect([url, token]).toEqual(['/apis/aicluster.dev/v1alpha1/namespaces/training/faultreports', 'Bearer t']);
      const { generateName } = body.metadata;
      const parsed = FaultReport.parse({ ...body, metadata: { name: `${generateName}x7k2p`, namespace: 'training' } });
      expect('errors' in parsed ? parsed.errors : []).toEqual([]);
      expect(body.spec).toMatchObject({ pod: 'llama-worker-3', kind: 'Xid', code: 79, severity: 'Critical' });
    } finally {
      server.close();
      server.closeAllConnections();
      pod.remove();
    }
  });
});
