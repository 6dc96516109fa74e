import { makeCluster, makeStack, templateOf } from './make-stack';
import { VolcanoScheduler, type VolcanoSchedulerProps } from './volcano-scheduler';

function release(props: Partial<VolcanoSchedulerProps> = {}): Record<string, any> {
  const stack = makeStack();
  new VolcanoScheduler(stack, 'Volcano', { cluster: makeCluster(stack).cluster, ...props });
  const [resource] = Object.values(templateOf(stack).findResources('Custom::AWSCDK-EKS-HelmChart'));
  const { Values, ...rest } = resource!['Properties'];
  return { ...rest, values: JSON.parse(Values) };
}

describe('the Volcano release', () => {
  it('is pinned, waited for, and runs the recorded configuration', () => {
    const { values, ...rest } = release();
    expect(rest).toMatchObject({
      Chart: 'volcano',
      Version: '1.15.2',
      Repository: 'https://volcano-sh.github.io/helm-charts',
      Namespace: 'volcano-system',
      CreateNamespace: true,
      Wait: true,
      Timeout: '780s',
    });
    expect(values.basic).toMatchObject({ image_registry: 'docker.io', image_tag_version: 'v1.15.2' });
    expect(values.custom.scheduler_config_override).toContain('actions: "allocate, backfill"');
  });

  it('takes chart, images and nodes from elsewhere', () => {
    const { values, ...rest } = release({
      version: '1.15.1',
      chartRepository: 'oci://registry.example/charts',
      imageRegistry: 'registry.example/docker-hub',
      nodeSelector: { pool: 'tools' },
    });
    expect(rest).toMatchObject({ Version: '1.15.1', Repository: 'oci://registry.example/charts' });
    expect(values.basic).toMatchObject({
      image_registry: 'registry.example/docker-hub',
      image_tag_version: 'v1.15.1',
    });
    expect(values.custom.default_ns).toEqual({ pool: 'tools' });
  });
});
