import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Testing } from 'cdk8s';
import { PERMISSIONS } from '../domain/permissions';
import { ControllersChart, type ControllersChartProps } from './controllers-chart';
import { DOWNLOAD_SCRIPT } from './controllers-pod';

const BUNDLE = { bucketName: 'assets', objectKey: 'key.js', sha256: 'abc' };

function objects(props: ControllersChartProps = { bundle: BUNDLE }): any[] {
  return new ControllersChart(Testing.app(), 'controllers', props).toJson();
}
const ofKind = (kind: string, props?: ControllersChartProps) => objects(props).filter((object) => object.kind === kind);
const podOf = (props?: ControllersChartProps) => ofKind('Deployment', props)[0].spec.template.spec;

describe('the controllers chart', () => {
  it('has one Deployment, service account and set of roles for each process of the table', () => {
    const names = PERMISSIONS.map(({ process }) => `aicluster-${process}`);
    for (const kind of [
      'Deployment',
      'ServiceAccount',
      'ClusterRole',
      'Role',
      'PodDisruptionBudget',
      'NetworkPolicy',
    ]) {
      const made = ofKind(kind).map(({ metadata }) => metadata.name);
      expect([...new Set(made)]).toEqual(names);
    }
  });

  it('runs under the restricted Pod Security Standard with nothing writable but its own folders', () => {
    expect(ofKind('Namespace')[0].metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
    const pod = podOf();
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const container of [...pod.initContainers, ...pod.containers]) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources.limits.memory).toBeDefined();
    }
    expect(pod.volumes.every((volume: object) => 'emptyDir' in volume)).toBe(true);
  });

  it('is scraped where its metrics are, by annotation too', () => {
    const { metadata, spec } = ofKind('Deployment')[0].spec.template;
    const { ports } = spec.containers[0];
    expect(metadata.annotations).toEqual({
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': String(ports[0].containerPort),
      'prometheus.io/path': '/metrics',
    });
  });

  it('lets one replica be drained at a time, and never puts two on one node', () => {
    const [deployment] = ofKind('Deployment');
    expect(deployment.spec).toMatchObject({
      replicas: 2,
      strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    });
    expect(ofKind('PodDisruptionBudget')[0].spec.maxUnavailable).toBe(1);
    const { podAntiAffinity } = deployment.spec.template.spec.affinity;
    expect(podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey).toBe(
      'kubernetes.io/hostname',
    );
  });

  it('reaches names, port 443 and the Pod Identity agent, and is reached for its metrics alone', () => {
    const { ingress, egress } = ofKind('NetworkPolicy', { bundle: BUNDLE, egressCidrs: ['10.0.0.0/16'] })[0].spec;
    expect(ingress).toEqual([{ ports: [{ port: 8080, protocol: 'TCP' }] }]);
    expect(egress.slice(1)).toEqual([
      { to: [{ ipBlock: { cidr: '10.0.0.0/16' } }], ports: [{ port: 443, protocol: 'TCP' }] },
      { to: [{ ipBlock: { cidr: '169.254.170.23/32' } }], ports: [{ port: 80, protocol: 'TCP' }] },
    ]);
  });

  it('starts a given image without fetching anything', () => {
    const pod = podOf({ image: 'registry.example/aicluster@sha256:0' });
    expect(pod.initContainers).toBeUndefined();
    expect(pod.containers[0]).toMatchObject({
      image: 'registry.example/aicluster@sha256:0',
      command: ['node', '--max-semi-space-size=4', '--heap-growing-percent=100', '/app/index.js', 'capacity'],
    });
  });

  it('tells glibc to give back what it does not need any more', () => {
    const { env } = podOf({ bundle: BUNDLE }).containers[0];
    expect(env).toContainEqual({ name: 'MALLOC_TRIM_THRESHOLD_', value: '131072' });
  });

  it('gives a process the variables that are meant for it alone', () => {
    const env = { capacity: { EVIDENCE_BUCKET: 'models' }, another: { SECRET_OF_ANOTHER: '1' } };
    const names = podOf({ bundle: BUNDLE, env }).containers[0].env.map(({ name }: { name: string }) => name);
    expect(names).toContain('EVIDENCE_BUCKET');
    expect(names).not.toContain('SECRET_OF_ANOTHER');
  });

  it('says so when it gets no bundle and no image, or both', () => {
    expect(() => objects({})).toThrow('controllers need either bundle or image, and were given neither');
    expect(() => objects({ bundle: BUNDLE, image: 'x' })).toThrow('were given both');
  });
});

describe('the script that fetches the bundle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fetch-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  // Stands in for the AWS CLI: takes the same arguments and writes what "S3" holds.
  writeFileSync(
    join(folder, 'aws'),
    '#!/bin/sh\n[ "$1 $2 $4" = "s3 cp s3://b/k" ] || exit 9\nprintf %s "$HELD" > "$5"\n',
  );
  chmodSync(join(folder, 'aws'), 0o755);
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

  function fetch(held: string, expected: string) {
    return spawnSync('sh', ['-c', DOWNLOAD_SCRIPT], {
      env: {
        PATH: `${folder}:${process.env['PATH']}`,
        HELD: held,
        BUNDLE_BUCKET: 'b',
        BUNDLE_KEY: 'k',
        BUNDLE_FOLDER: folder,
        BUNDLE_SHA256: expected,
      },
      encoding: 'utf8',
    });
  }

  it('accepts the file whose checksum stands in the pod', () => {
    expect(fetch('good', sha256('good')).status).toBe(0);
  });

  it('refuses any other, so that the container never starts', () => {
    const { status, stdout, stderr } = fetch('tampered', sha256('good'));
    expect(status).not.toBe(0);
    expect(stdout + stderr).toContain('FAILED');
  });
});
