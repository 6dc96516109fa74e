import { Testing } from 'cdk8s';
import { VALIDATION_NAMESPACE } from '../domain/namespaces';
import { CHECK_LABELS } from '../domain/checks';
import { ValidationChart } from './validation-chart';

const SCRIPTS = { 'run.sh': '#!/bin/sh\nexec python3 one_node.py\n', 'one_node.py': 'print("{}")\n' };
const objects = (scripts: Readonly<Record<string, string>> = SCRIPTS): any[] =>
  new ValidationChart(Testing.app(), 'validation', { scripts }).toJson();
const ofKind = (kind: string) => objects().find((object) => object.kind === kind);

describe('the namespace where nodes are proved', () => {
  it('comes first, and everything that has a namespace is in it', () => {
    const [first, ...others] = objects();
    expect(first).toMatchObject({ kind: 'Namespace', metadata: { name: VALIDATION_NAMESPACE } });
    expect(first.metadata.labels['pod-security.kubernetes.io/enforce']).toBe('privileged');
    const namespaced = others.filter(({ kind }) => kind !== 'PriorityClass');
    expect(new Set(namespaced.map(({ metadata }) => metadata.namespace))).toEqual(new Set([VALIDATION_NAMESPACE]));
  });

  it('belongs to no bucket: nothing steers a check, and no check is anybody’s demand', () => {
    expect(Object.keys(objects()[0].metadata.labels).filter((key) => key.startsWith('aicluster.dev/'))).toEqual([]);
  });

  it('holds the scripts as they are', () => {
    expect(ofKind('ConfigMap').data).toEqual(SCRIPTS);
  });

  it('lets check pods find each other by name before they are ready, and talk to each other alone', () => {
    expect(ofKind('Service').spec).toEqual({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: CHECK_LABELS,
    });
    const { podSelector, policyTypes, ingress, egress } = ofKind('NetworkPolicy').spec;
    expect({ podSelector, policyTypes }).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    expect(ingress).toEqual([{ from: [{ podSelector: {} }] }]);
    expect(egress.filter(({ to }: any) => to)).toEqual([{ to: [{ podSelector: {} }] }]);
    const ports = egress.filter(({ to }: any) => !to).flatMap(({ ports }: any) => ports.map(({ port }: any) => port));
    expect([...new Set(ports)]).toEqual([53, 443]);
  });

  it('gives check pods no token, and a priority below every pod that names none', () => {
    expect(ofKind('ServiceAccount').automountServiceAccountToken).toBe(false);
    const { value, preemptionPolicy } = ofKind('PriorityClass');
    expect(value).toBeLessThan(0);
    expect(preemptionPolicy).toBe('Never');
  });

  it('refuses to be made without scripts, or with such as no ConfigMap can hold', () => {
    expect(() => objects({})).toThrow('has no scripts');
    expect(() => objects({ 'a b.py': '' })).toThrow("'a b.py' cannot be a key of a ConfigMap");
    expect(() => objects({ 'large.py': 'x'.repeat(1024 * 1024 + 1) })).toThrow('holds 1048576');
  });
});
