import { AdmissionChart, ShippedChart } from '.';
import { Testing } from 'cdk8s';
import { trainingPolicies, type TrainingProperties } from './admission/training';

const bindings = (properties?: TrainingProperties) =>
  trainingPolicies(properties)
    .filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
    .map(({ metadata, spec }) => `${metadata.name} ${spec.validationActions.join()}`);

describe('the training prop', () => {
  it('warns by default, of everything, and a broken policy stops nobody', () => {
    expect(bindings()).toEqual(
      ['shared-memory', 'efa', 'efa-environment', 'cpu-limits', 'selinux-level'].map(
        (name) => `aicluster-training-${name} Warn,Audit`,
      ),
    );
    const policies = trainingPolicies().filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    expect(policies.map(({ spec }) => spec.failurePolicy)).toEqual(policies.map(() => 'Ignore'));
  });

  it('refuses what it is told to refuse, and makes no policy for what is off', () => {
    const properties = {
      sharedMemory: 'Refuse',
      efa: 'Off',
      efaEnvironment: 'Off',
      cpuLimits: 'Off',
      selinuxLevel: 'Off',
    } as const;
    expect(bindings(properties)).toEqual(['aicluster-training-shared-memory Deny']);
  });

  it('adds by a policy of its own, and still warns of what could not be added', () => {
    const names = trainingPolicies({
      sharedMemory: 'Add',
      efa: 'Off',
      efaEnvironment: 'Off',
      cpuLimits: 'Off',
      selinuxLevel: 'Off',
    });
    expect(names.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'MutatingAdmissionPolicy aicluster-training-shared-memory-add',
      'MutatingAdmissionPolicyBinding aicluster-training-shared-memory-add',
      'ValidatingAdmissionPolicy aicluster-training-shared-memory',
      'ValidatingAdmissionPolicyBinding aicluster-training-shared-memory',
    ]);
  });

  it.each([
    [{ sharedMemmory: 'Warn' }, 'training.sharedMemmory: there is no such property; did you mean sharedMemory?'],
    [{ efa: 'Add' }, "training.efa: 'Add' is none of Warn, Refuse, Off"],
    [{ cpuLimits: 'warn' }, "training.cpuLimits: 'warn' is none of Warn, Refuse, Add, Off"],
  ])('%j is an error', (properties, message) => {
    expect(() => trainingPolicies(properties as TrainingProperties)).toThrow(message);
  });
});

it('what is shipped is written down, every policy and binding of the chart', () => {
  const app = Testing.app();
  const admission = new AdmissionChart(app, 'Admission');
  const [configMap] = new ShippedChart(app, 'Shipped', { charts: [admission] }).toJson();
  expect(JSON.parse(configMap.data['objects.json'])).toEqual(admission.toJson());
  expect(Buffer.byteLength(JSON.stringify(configMap))).toBeLessThan(200_000);
});
