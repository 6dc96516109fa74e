/** What was shipped is put back as the runbook of the admission policies says, word for word, and each command says what the page promises. */
import type { Bed } from '../bed';
import { Runbook, type Ended } from './runbook';

/** What is wrong when it begins. */
export interface Lost {
  /** A ValidatingAdmissionPolicy that was edited with `kubectl patch`: another failurePolicy, and this label. */
  readonly edited: string;
  readonly label: string;
  /** A binding and a PriorityClass that are gone. */
  readonly gone: readonly string[];
  /** A PriorityClass of another value. */
  readonly revalued: string;
}

/** Puts it back. */
export async function putBackByRunbook(bed: Bed, { edited, label, gone, revalued }: Lost): Promise<void> {
  const page = new Runbook(bed, 'admission-policies-modified.md');
  const look = async () => (await page.run('kubectl get validatingadmissionpolicy ', edited)).out;
  const refusals = ({ err }: Ended) => err.split('\n').filter((line) => line !== '' && !/\(AlreadyExists\)/.test(line));

  const listed = (await page.run('kubectl get validatingadmissionpolicies,')).out;
  expect([listed.includes(edited), listed.includes(gone[0]!)]).toEqual([true, true]);
  expect(await look()).toMatch(/manager: kubectl-patch/);
  expect(await page.run('kubectl get configmap')).toMatchObject({ code: 0, err: '' });

  // As the page says: while a PriorityClass has another value, diff says that and nothing else.
  const first = await page.run('kubectl diff -f');
  expect([first.out, first.err.includes(`"${revalued}" is invalid`)]).toEqual(['', true]);
  expect(await page.run('kubectl delete priorityclass', revalued)).toMatchObject({ code: 0, err: '' });
  const differs = await page.run('kubectl diff -f');
  expect([differs.code, differs.out.includes('-  failurePolicy: Ignore')]).toEqual([1, true]);
  for (const name of [...gone, revalued]) expect(differs.out).toContain(`+  name: ${name}`);

  const created = await page.run('kubectl create');
  expect([created.code, refusals(created)]).toEqual([1, []]);
  expect(namesIn(created.out)).toEqual([...gone, revalued].sort());
  const replaced = await page.run('kubectl replace');
  expect([replaced.code, replaced.err]).toEqual([0, '']);
  expect(namesIn(replaced.out)).toEqual(expect.arrayContaining([edited, ...gone, revalued]));
  expect(await page.run('kubectl diff -f')).toMatchObject({ code: 0, out: '' });
  expect(await look()).not.toContain(label);
}

/** Names of what kubectl says it has done something to, sorted. */
function namesIn(out: string): readonly string[] {
  return [...out.matchAll(/\/(\S+) (?:created|replaced)$/gm)].map(([, name]) => name!).sort();
}
