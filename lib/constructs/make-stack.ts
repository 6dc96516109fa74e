/** Stacks for tests: no account unless asked for, no validator, no 60 MB of kubectl in every synth. */
import { App, Stack, type StackProps } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { AutoModeCluster, type AutoModeClusterProps } from './auto-mode-cluster';
import { ClusterNetwork, type ClusterNetworkProps } from './cluster-network';

/** Zones of the tests. */
export const ZONES = ['us-east-2a', 'us-east-2b', 'us-east-2c'];

/** An empty stack of an app of its own. */
export function makeStack(props: StackProps = {}): Stack {
  return new Stack(new App({ builtinCloudFormationValidation: false }), 'Test', props);
}

/** A network in three zones. */
export function makeNetwork(scope: Construct, props: Partial<ClusterNetworkProps> = {}): ClusterNetwork {
  return new ClusterNetwork(scope, 'Network', { availabilityZones: ZONES, ...props });
}

/** A cluster in a network of its own, with Lambda layers by ARN. */
export function makeCluster(scope: Construct, props: Partial<AutoModeClusterProps> = {}): AutoModeCluster {
  return new AutoModeCluster(scope, 'Cluster', {
    network: props.network ?? makeNetwork(scope),
    kubectlLayer: makeLayer(scope, 'Kubectl'),
    awscliLayer: makeLayer(scope, 'Awscli'),
    ...props,
  });
}

/** A Lambda layer that is only an ARN. */
export function makeLayer(scope: Construct, id: string): lambda.ILayerVersion {
  return lambda.LayerVersion.fromLayerVersionArn(scope, id, `arn:aws:lambda:us-east-2:111122223333:layer:${id}:1`);
}

/** The synthesized template, for assertions. */
export function templateOf(stack: Stack): Template {
  return Template.fromStack(stack);
}

/** The Kubernetes objects of a template's manifests; tokens read as `<...>`. */
export function manifestsOf(template: Template): any[] {
  return Object.values(template.findResources('Custom::AWSCDK-EKS-KubernetesResource')).flatMap(({ Properties }) =>
    JSON.parse(flatten(Properties.Manifest)),
  );
}

function flatten(value: any): string {
  if (typeof value === 'string') return value;
  const [separator, parts] = value['Fn::Join'];
  return parts.map((part: any) => (typeof part === 'string' ? part : `<${describe(part)}>`)).join(separator);
}

function describe(token: any): string {
  const [first] = Object.values(token);
  return Array.isArray(first) ? first.join('.') : String(first);
}
