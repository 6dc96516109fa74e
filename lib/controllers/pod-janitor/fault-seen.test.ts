import type { KubeObject } from '../../domain/kube';
import { toFaultSeen } from './fault-seen';

const at = (minute: number) => `2026-11-26T12:${String(minute).padStart(2, '0')}:00Z`;
const ms = (minute: number) => Date.parse(at(minute));

function makeReport(spec: object, status?: object, written: string | undefined = at(10)): KubeObject {
  const metadata = { name: 'r', namespace: 'research', creationTimestamp: written };
  return {
    apiVersion: '',
    kind: 'FaultReport',
    metadata,
    spec: { kind: 'NcclTimeout', severity: 'Critical', ...spec },
    status,
  };
}

describe('a FaultReport', () => {
  it.each([
    ['before it was written', at(5), at(10), ms(5)],
    ['later than that, by a clock that is ahead: when it was written counts', at(50), at(10), ms(10)],
    ['at a time that nobody can read', 'soon', at(10), ms(10)],
    ['at no time at all', undefined, 'nor written', 0],
  ])('was seen %s', (_words, observedAt, written, expected) => {
    expect(toFaultSeen(makeReport({ pod: 'p', observedAt }, undefined, written)).observedAtMs).toBe(expected);
  });

  it.each([
    ['its pod, in its namespace', { pod: 'p' }, undefined, { pod: 'research/p' }],
    ['its node, by its own word', { node: 'n' }, undefined, { node: 'n' }],
    ['the node that node health counts it against', { node: 'n' }, { node: 'm' }, { node: 'm', counted: true }],
  ])('speaks of %s', (_words, spec, status, expected) => {
    const { kind: _, severity: _s, observedAtMs: _o, ...place } = toFaultSeen(makeReport(spec, status));
    expect(place).toEqual(expected);
  });
});
